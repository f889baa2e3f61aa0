" Model files of totc.
autocmd BufRead,BufNewFile *.tot setfiletype tot
