" Model files of totc. Keywords are names everywhere but where they stand, so each is told by what follows it;
" tools/test_editors.py holds them against the grammar's.
if exists('b:current_syntax')
  finish
endif
let s:cpo = &cpoptions
set cpoptions&vim

syntax case match
" Where a bracket opens lines above, `steps` and `inherited` may depend on it.
syntax sync minlines=50

" --- names, numbers, signs (what is defined later wins) ---
syntax match totOperator /\v\<-|-\>|\=\>|[<>=!]\=|\.\.|[-+*\/^<>=|@?]/
syntax match totNumber /\v<\d[0-9_]*(\.\d+)?([eE][-+]?\d+)?>/
syntax match totFunction /\v<\h\w*\ze\s*\(/
syntax match totNet /\v<\u\w*\l\w*>/
syntax match totBuiltIn /\v\.@1<!<(training|steps|last_step|inf)>(\s*(\=[^=]|\<-))@!/
syntax match totType /\v%(:@1<!::@!\s*)@10<=<(axes|axis|bool|float|float32|float64|floats|int|ints|net)>/
syntax match totType /\v<(bool|float|float32|float64|int)>\ze\s*\??\s*\[/

" --- keywords ---
" A name follows, or a value: not what joins a name to the next.
let s:joins = '%(%(and|or|in|at\s+%(least|most)|with|into|along|to|by|giving|over|while)>)@!'
let s:name = '\ze\s+' . s:joins . '\h'
let s:value = '\ze\s+%(' . s:joins . '[0-9A-Za-z_({[]|-\S)'

execute 'syntax match totDeclaration /\v\.@1<!<%(model|mixin|net|config|axis|input|target|param|buffer|table|state|block|predict|metric|loss|drop)>' . s:name . '/'
syntax match totDeclaration /\v<extends>\ze\s+\h/
syntax match totDeclaration /\v<fn>\ze\s*%(\h|\()/
syntax match totDeclaration /\v\.@1<!<%(encode|think|decode)>\ze\s*\{/
syntax match totInclude /\v<use>\ze\s+\h/
syntax match totDeclaration /\v<halt>\ze\s+%(never|when)>/
syntax match totDeclaration /\v<carry>\ze\s+grad>/
execute 'syntax match totDeclaration /\v%(<carry\s+)@10<=<grad>' . s:value . '/'
syntax match totKeyword /\v%(<halt\s+)@10<=<%(never|when)>/
syntax match totKeyword /\v<at>\ze\s+%(least|most)>/
syntax match totKeyword /\v%(<at\s+)@10<=<%(least|most)>/
syntax match totKeyword /\v%(<at\s+most\s.*[0-9A-Za-z_)\]]\s+)@200<=<%(step|steps)>/
execute 'syntax match totKeyword /\v%(,\s*)@10<=<explore>' . s:value . '/'
execute 'syntax match totKeyword /\v\.@1<!<%(let|var|record|collect|emit|branch|merge|prune|do)>' . s:name . '/'
execute 'syntax match totRepeat /\v\.@1<!<%(repeat|while)>' . s:value . '/'
syntax match totKeyword /\v\.@1<!<inherited>(\s*(\<-|\=[^=]|[(\[:.@]))@!/
syntax match totKeyword /\v<grad>\ze\s+last>/
syntax match totKeyword /\v%(<grad\s+)@10<=<last>/
execute 'syntax match totKeyword /\v%(%(^|[0-9A-Za-z_)\]}])\s*)@40<=<%(in|with|to|by|giving)>' . s:value . '/'
syntax match totKeyword /\v<in>\ze\s+groups\s+of>/
syntax match totKeyword /\v%(<in\s+)@10<=<groups>\ze\s+of>/
syntax match totKeyword /\v%(<in\s+groups\s+)@20<=<of>/
execute 'syntax match totClause /\v\.@1<!<%(over|between|along|into)>\ze%(\s*\(|\s+' . s:joins . '[0-9A-Za-z_({[-])/'
syntax match totClause /\v%(<(over|between|along|into)\s+)@15<=<all>/
syntax keyword totConditional if else match
syntax keyword totKeyword lookahead return
syntax keyword totWordOperator not and or
syntax keyword totBoolean true false
" --- end of the keywords ---

syntax match totComment /\/\/.*/ contains=totTodo,@Spell
syntax match totDoc /\/\/[\/!].*/ contains=totTodo,@Spell
syntax keyword totTodo contained TODO FIXME

highlight default link totOperator Operator
highlight default link totNumber Number
highlight default link totFunction Function
highlight default link totNet Type
highlight default link totBuiltIn Special
highlight default link totType Type
highlight default link totDeclaration Structure
highlight default link totInclude Include
highlight default link totKeyword Statement
highlight default link totRepeat Repeat
highlight default link totClause Keyword
highlight default link totConditional Conditional
highlight default link totWordOperator Operator
highlight default link totBoolean Boolean
highlight default link totComment Comment
highlight default link totDoc SpecialComment
highlight default link totTodo Todo

let b:current_syntax = 'tot'
let &cpoptions = s:cpo
unlet s:cpo s:joins s:name s:value
