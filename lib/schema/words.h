/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in rows, as an operator writes it: initialisers of struct schema_field. See
 * schema.def. */
#ifndef SLUICE_LIB_SCHEMA_WORDS_H
#define SLUICE_LIB_SCHEMA_WORDS_H

#define N(n)                #n
#define BYTES(n)            #n "B"
#define KIB(n)              #n "KiB"
#define MIB(n)              #n "MiB"
#define GIB(n)              #n "GiB"
#define MSEC(n)             #n "ms"
#define SEC(n)              #n "s"
#define MINUTE(n)           #n "m"
#define HOUR(n)             #n "h"
#define DAY(n)              #n "d"
#define PERCENT(n)          #n "%"
#define TRUE                "true"
#define FALSE               "false"
#define WORD(word, index)   word

#define REQUIRED            .required = true
#define OPTIONAL            .required = false
#define DEFAULT(value)      .fallback = (value)
#define WITH(setting, word) .with = (setting), .with_word = (word)

#define RANGE(least, most)  .min = (least), .max = (most)
#define ANY                 .min = NULL
#define BOOLEAN             .min = NULL
#define CHOICES(...)                                                                               \
	.choices = (const char *const[])                                                           \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

#endif
