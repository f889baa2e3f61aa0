/* Found only when .libtorch is missing (.cargo/config.toml puts this folder last on the include
   path): turns pages of missing declarations into one line that says what to do. */
#include <libtorch is missing: run ./x setup>
