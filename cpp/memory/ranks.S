// The token tables that tools/make_ranks.py writes, in read-only data. The assembler finds them
// on the include path. Read by token_counter.cpp.

#define TABLE(symbol, file)                                                   \
  .globl symbol ; .hidden symbol ; .type symbol, %object ; .balign 16 ;       \
  symbol: .incbin file ;                                                      \
  .size symbol, . - symbol ;                                                  \
  .globl symbol##_end ; .hidden symbol##_end ; .type symbol##_end, %object ;  \
  symbol##_end: .byte 0 ; .size symbol##_end, 1

        .section .rodata
        TABLE(memgpt_ranks_cl100k_base, "cl100k_base.ranks")
        TABLE(memgpt_ranks_o200k_base, "o200k_base.ranks")

        .section .note.GNU-stack, "", %progbits
