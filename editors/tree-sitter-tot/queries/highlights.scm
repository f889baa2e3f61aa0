; No two patterns meet in one place, so that it does not matter whether an editor takes the first or the last.

(comment) @comment
(doc_comment) @comment.documentation
(number) @constant.numeric
(boolean) @constant.builtin.boolean

; --- keywords: all of the language, held against grammar/tot.pest by tools/test_editors.py ---
"use" @keyword.import
"fn" @keyword.function
"return" @keyword.return
["if" "else" "match"] @keyword.conditional
["repeat" "while"] @keyword.repeat
["and" "or" "not"] @keyword.operator
[
  "model" "mixin" "extends" "net"
  "config" "axis" "input" "target" "param" "buffer" "table" "state" "encode" "think" "decode" "block" "predict" "metric" "loss"
  "halt" "carry" "drop"
  "least" "most" "at" "never" "when" "step" "steps" "explore"
  "let" "var" "record" "collect" "emit" "do" "inherited" "lookahead"
  "branch" "merge" "prune" "with" "in" "groups" "of" "giving" "to" "by" "grad" "last"
  "over" "between" "along" "into" "all"
] @keyword

; --- declarations ---
(model name: (identifier) @type parent: (identifier)? @type)
(mixin name: (identifier) @type)
(mixins (identifier) @type)
(net_definition name: (identifier) @type)
(function_definition name: (identifier) @function)
(block_definition name: (identifier) @function)
(do name: (identifier) @function)
((dropped kind: (identifier) @keyword)
  (#match? @keyword "^(config|axis|input|target|param|buffer|table|net|state|block|encode|think|decode|predict|metric|loss|halt)$"))
(config name: (identifier) @constant)
(parameter name: (identifier) @variable.parameter)
(named_argument name: (identifier) @variable.parameter)
(member name: (identifier) @variable.member)
(use (identifier) @module)
(names (identifier) @variable)

((type kind: (identifier) @type.builtin)
  (#match? @type.builtin "^(axes|axis|bool|float|float32|float64|floats|int|ints|net)$"))
(choices . (identifier) @type.builtin
  (#match? @type.builtin "^(bool|float|floats|int|ints)$"))

; --- values ---
((call function: (identifier) @function) (#match? @function "^[a-z_]"))
((call function: (identifier) @constructor) (#match? @constructor "^[A-Z]"))
((expression/identifier) @variable.builtin
  (#match? @variable.builtin "^(training|steps|last_step|inf)$"))

; What the parent says there, as a value.
((expression/identifier) @keyword (#eq? @keyword "inherited"))

; --- signs ---
["<-" "->" "=>" "=" "==" "!=" "<" ">" "<=" ">=" "+" "-" "*" "/" "^" "|" ".." "@" "?"] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," ":" "::" "."] @punctuation.delimiter
