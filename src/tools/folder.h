/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WSP_TOOLS_FOLDER_H
#define WSP_TOOLS_FOLDER_H

/* Removes a folder with all that is in it, as far as it can; follows no links. */
void wsp_folder_remove(const char *path);

#endif
