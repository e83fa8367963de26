/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CW_SPOOL_H
#define CW_SPOOL_H

/*
 * Makes standard input a file, if it is none, so that a trace can be read from it several times.
 * It is kept in $TMPDIR or /var/tmp; an eighth of what is free there stays free. 0, or the status
 * to exit with; what is wrong was said.
 */
int cw_spool_stdin(const char *verb);

#endif
