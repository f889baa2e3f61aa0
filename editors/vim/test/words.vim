" Prints what tools/editors.py compares, for the files named: with `words` where the syntax sees keywords
" (`file:line:column word`), with `indent` where indenting a whole file anew changes a line.
" vim -es -u NONE -S test/words.vim FILES
set nomore
let s:root = expand('<sfile>:p:h:h')
execute 'set runtimepath^=' . fnameescape(s:root)
filetype plugin indent on
syntax enable
let s:found = []
let s:KEYWORD = '\v^tot(Declaration|Include|Keyword|Repeat|Clause|Conditional|WordOperator|Boolean)$'
for s:file in map(argv(), 'fnamemodify(v:val, ":p")')
  execute 'edit ' . fnameescape(s:file)
  if &filetype !=# 'tot'
    call add(s:found, s:file . ': filetype ' . &filetype)
  endif
  let s:before = getline(1, '$')
  for s:line in range(1, line('$'))
    let s:at = 0
    while 1
      let [s:word, s:start, s:end] = matchstrpos(getline(s:line), '\<\h\w*\>', s:at)
      if s:start < 0
        break
      endif
      let s:at = s:end
      let s:group = synIDattr(synID(s:line, s:start + 1, 1), 'name')
      if s:group =~# s:KEYWORD
        call add(s:found, 'word ' . s:file . ':' . s:line . ':' . (s:start + 1) . ' ' . s:word)
      elseif s:group =~# '\v^tot(Comment|Doc|Todo)$'
        break
      endif
    endwhile
  endfor
  silent normal! gg=G
  for s:line in range(1, line('$'))
    if getline(s:line) !=# s:before[s:line - 1]
      call add(s:found, 'indent ' . s:file . ':' . s:line . ' ' . getline(s:line))
    endif
  endfor
  edit!
endfor
call writefile(s:found, '/dev/stdout')
qall!
