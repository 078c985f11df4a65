/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output and standard error of sluicectl: whatever is printed, nothing unsafe arrives. */
#ifndef SLUICE_CONTROL_CTL_TERMINAL_H
#define SLUICE_CONTROL_CTL_TERMINAL_H

#include <jansson.h>

/** Put the filter between stdio and both descriptors; everything is printed as before. */
void terminal_open(void);

/** Clear the screen: the only control sequence that is written, and it is ours. */
void terminal_clear(void);

/** Make each text of an answer one line, so that it cannot pass for a line of ours. */
void terminal_one_line(json_t *tree);

#endif
