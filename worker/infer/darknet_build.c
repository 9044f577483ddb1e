// Which libdarknet this process runs: its GNU build id, from the notes of the loaded library.
#include "worker/infer/darknet_network.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

// The name in the note is "GNU", padded to four bytes.
static const uint8_t *build_id_of(const uint8_t *note, size_t size)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        memcpy(&head, note, sizeof(head));
        size_t name = (head.n_namesz + 3u) & ~3u, descriptor = (head.n_descsz + 3u) & ~3u;
        if (name + descriptor > size - sizeof(head))
            return NULL;
        const uint8_t *at = note + sizeof(head);
        if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && memcmp(at, "GNU", 4) == 0 &&
            head.n_descsz >= 4)
            return at + name;
        note = at + name + descriptor;
        size -= sizeof(head) + name + descriptor;
    }
    return NULL;
}

static int on_object(struct dl_phdr_info *info, size_t size, void *build)
{
    (void)size;
    if (strstr(info->dlpi_name, "libdarknet.so") == NULL)
        return 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_NOTE)
            continue;
        const uint8_t *id =
            build_id_of((const uint8_t *)(info->dlpi_addr + part->p_vaddr), part->p_memsz);
        if (id == NULL)
            continue;
        (void)snprintf(
            build, IDN_DARKNET_BUILD_SIZE, "%02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
        return 1;
    }
    return 1;
}

void idn_darknet_build(char build[static IDN_DARKNET_BUILD_SIZE])
{
    (void)snprintf(build, IDN_DARKNET_BUILD_SIZE, "unknown");
    (void)dl_iterate_phdr(on_object, build);
}
