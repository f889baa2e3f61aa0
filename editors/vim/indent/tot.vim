" Model files of totc: a level more behind a bracket that ends its line, below the first entry behind one that does not.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=TotIndent(v:lnum) indentkeys=0},0),0],o,O
setlocal autoindent
let b:undo_indent = 'setlocal indentexpr< indentkeys< autoindent<'

if exists('*TotIndent')
  finish
endif

" Text of a line without its comment and the blanks at its end.
function s:Code(line) abort
  return substitute(getline(a:line), '\s*\%(//.*\)\?$', '', '')
endfunction

" The line and column of the last bracket that is open before a line; [0, 0] if none is.
function s:Open(line) abort
  let closed = 0
  for line in range(a:line - 1, 1, -1)
    let code = s:Code(line)
    for column in range(len(code), 1, -1)
      if code[column - 1] =~# '[])}]'
        let closed += 1
      elseif code[column - 1] =~# '[[({]'
        if closed == 0
          return [line, column]
        endif
        let closed -= 1
      endif
    endfor
    " Items stand at the margin: nothing before one is open.
    if closed == 0 && code =~# '^\%(use\|model\|mixin\|net\|fn\|axis\)\>'
      return [0, 0]
    endif
  endfor
  return [0, 0]
endfunction

function TotIndent(line) abort
  let [line, column] = s:Open(a:line)
  if getline(a:line) =~# '^\s*[])}]'
    return line ? indent(line) : 0
  endif
  let before = s:Code(prevnonblank(a:line - 1))
  let block = line == 0 || getline(line)[column - 1] ==# '{'
  " What goes on with a line stays where it was put.
  if block && (before =~# '\%(,\|[-+*/^=<>]\|\<\%(and\|or\|not\)\)$' || getline(a:line) =~# '^\s*\%([-+*/^<>=@.]\%(/\)\@!\|\%(and\|or\)\>\)')
    return -1
  endif
  if line == 0
    return 0
  endif
  let rest = matchstr(s:Code(line), '\S', column)
  return rest ==# '' ? indent(line) + shiftwidth() : match(getline(line), '\S', column)
endfunction
