/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/elffile.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef ElfW(Ehdr) ehdr;
typedef ElfW(Phdr) phdr;
typedef ElfW(Shdr) shdr;
typedef ElfW(Sym) sym;

/* length bytes at offset of the file, or NULL if it does not reach so far. */
static const void *at(const struct wsp_elf *elf, uint64_t offset, uint64_t length)
{
    if (offset > elf->length || length > elf->length - offset)
        return NULL;
    return elf->bytes + offset;
}

/* A text that ends within limit bytes (and the file), or NULL. */
static const char *text_at(const struct wsp_elf *elf, uint64_t offset, uint64_t limit)
{
    if (offset >= elf->length)
        return NULL;
    if (limit > elf->length - offset)
        limit = elf->length - offset;
    const char *text = (const char *)elf->bytes + offset;
    return memchr(text, '\0', limit) ? text : NULL;
}

/* Is the file for the processor and data model that this command runs on? */
static bool is_native(const ehdr *header)
{
    ehdr own;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    bool is_read = read(fd, &own, sizeof own) == (ssize_t)sizeof own;
    close(fd);
    return !is_read || (own.e_machine == header->e_machine &&
                        own.e_ident[EI_CLASS] == header->e_ident[EI_CLASS] &&
                        own.e_ident[EI_DATA] == header->e_ident[EI_DATA]);
}

static const phdr *program_header(const struct wsp_elf *elf, const ehdr *header, unsigned index)
{
    if (header->e_phentsize != sizeof(phdr))
        return NULL;
    return at(elf, header->e_phoff + (uint64_t)index * sizeof(phdr), sizeof(phdr));
}

static enum wsp_elf_kind kind_of(struct wsp_elf *elf)
{
    bool has_dynamic = false;
    const ehdr *header = at(elf, 0, sizeof *header);
    if (elf->length < EI_NIDENT || memcmp(elf->bytes, ELFMAG, SELFMAG) != 0)
        return WSP_ELF_NOT;
    if (!header)
        return WSP_ELF_DAMAGED;
    if (!is_native(header))
        return WSP_ELF_FOREIGN;
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return WSP_ELF_OTHER;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        const phdr *segment = program_header(elf, header, i);
        if (!segment)
            return WSP_ELF_DAMAGED;
        has_dynamic |= segment->p_type == PT_DYNAMIC;
        if (segment->p_type != PT_INTERP)
            continue;
        elf->interpreter = text_at(elf, segment->p_offset, segment->p_filesz);
        return elf->interpreter ? WSP_ELF_DYNAMIC : WSP_ELF_DAMAGED;
    }
    /* A library has an entry point of 0, mostly; a static-pie program never has. */
    return has_dynamic && header->e_entry == 0 ? WSP_ELF_OTHER : WSP_ELF_STATIC;
}

bool wsp_elf_open(struct wsp_elf *elf, const char *path)
{
    struct stat status;
    void *bytes = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) != 0)
        goto failed;
    if (status.st_size > 0)
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        goto failed;
    close(fd);
    *elf = (struct wsp_elf){.bytes = bytes, .length = (size_t)status.st_size};
    elf->kind = kind_of(elf);
    return true;
failed:;
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return false;
}

void wsp_elf_close(struct wsp_elf *elf)
{
    if (elf->bytes)
        munmap((void *)elf->bytes, elf->length);
    *elf = (struct wsp_elf){0};
}

/* Where in the file an address of the loaded image comes from. */
static bool offset_of(const struct wsp_elf *elf, const ehdr *header, uint64_t address,
                      uint64_t *offset)
{
    for (unsigned i = 0; i < header->e_phnum; i++) {
        const phdr *segment = program_header(elf, header, i);
        if (!segment || segment->p_type != PT_LOAD || address < segment->p_vaddr ||
            address - segment->p_vaddr >= segment->p_filesz)
            continue;
        *offset = segment->p_offset + (address - segment->p_vaddr);
        return true;
    }
    return false;
}

static const char *find_in(const struct wsp_elf *elf, const ehdr *header, const shdr *table,
                           const shdr *strings, const char *name)
{
    size_t n = table->sh_size / sizeof(sym);
    const sym *symbols = at(elf, table->sh_offset, n * sizeof(sym));
    for (size_t i = 0; symbols && i < n; i++) {
        uint64_t offset;
        const char *text = text_at(elf, strings->sh_offset + symbols[i].st_name, strings->sh_size);
        if (text && symbols[i].st_shndx != SHN_UNDEF && strcmp(text, name) == 0)
            return offset_of(elf, header, symbols[i].st_value, &offset)
                       ? text_at(elf, offset, symbols[i].st_size)
                       : NULL;
    }
    return NULL;
}

const char *wsp_elf_text_symbol(const struct wsp_elf *elf, const char *name)
{
    const ehdr *header = at(elf, 0, sizeof *header);
    if (elf->kind < WSP_ELF_STATIC || !header || header->e_shentsize != sizeof(shdr))
        return NULL;
    const shdr *sections = at(elf, header->e_shoff, (uint64_t)header->e_shnum * sizeof(shdr));
    for (unsigned i = 0; sections && i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_DYNSYM && sections[i].sh_link < header->e_shnum)
            return find_in(elf, header, &sections[i], &sections[sections[i].sh_link], name);
    return NULL;
}
