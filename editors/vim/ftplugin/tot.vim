" Model files of totc: the form of `totc fmt`, and comments.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal shiftwidth=4 softtabstop=4 expandtab
setlocal comments=:///,://!,:// commentstring=//\ %s
setlocal formatoptions-=t formatoptions+=croql
setlocal suffixesadd=.tot
" `:%!totc fmt -` sets a whole file; a part of one is no file.

let b:undo_ftplugin = 'setlocal shiftwidth< softtabstop< expandtab< comments< commentstring< formatoptions< suffixesadd<'
