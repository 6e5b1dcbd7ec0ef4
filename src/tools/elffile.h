/* SPDX-License-Identifier: BSD-3-Clause */
/* What an ELF file says of itself, without loading it. */
#ifndef WSP_TOOLS_ELFFILE_H
#define WSP_TOOLS_ELFFILE_H

#include <stdbool.h>
#include <stddef.h>

enum wsp_elf_kind {
    WSP_ELF_NOT,     /* no ELF file: a script, perhaps */
    WSP_ELF_DAMAGED, /* its headers point outside it */
    WSP_ELF_FOREIGN, /* for another kind of processor than this command's */
    WSP_ELF_STATIC,  /* a program without an interpreter */
    WSP_ELF_DYNAMIC, /* a program that a dynamic loader starts */
    WSP_ELF_OTHER    /* a library, an object file */
};

/* A file in memory, private; made by wsp_elf_open. */
struct wsp_elf {
    const unsigned char *bytes;
    size_t length;
    enum wsp_elf_kind kind;
    const char *interpreter; /* of WSP_ELF_DYNAMIC; points into the file */
};

/* Maps a file and looks at its headers. False, with errno set, if it cannot be read. */
bool wsp_elf_open(struct wsp_elf *elf, const char *path);
void wsp_elf_close(struct wsp_elf *elf);

/* The text that an exported constant char array holds, or NULL; points into the file. */
const char *wsp_elf_text_symbol(const struct wsp_elf *elf, const char *name);

#endif
