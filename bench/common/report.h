/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bench prints: rows of {bench, case, metric, unit, value, target}, as a table for people or
 * one JSON list for programs. Progress goes to standard error, so that it never mixes with either.
 * A row with a target says whether it is met; one that could not be measured has no value and says
 * why.
 */
#ifndef SLUICE_BENCH_COMMON_REPORT_H
#define SLUICE_BENCH_COMMON_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#define REPORT_NO_TARGET 0.0

struct report;

/** @param json  print a list at the end instead of a table */
struct report *report_new(const char *bench, bool json);
/** Add a row; texts are copied. @param target what it should be at most; REPORT_NO_TARGET for
 * none */
void report_row(struct report *r, const char *which, const char *metric, const char *unit,
	double value, double target);
/** The same; @param target  what it should be at least */
void report_row_least(struct report *r, const char *which, const char *metric, const char *unit,
	double value, double target);
/** A row without a value, as this machine did not let it be measured now. */
void report_unmeasured(
	struct report *r, const char *which, const char *metric, const char *unit, const char *why);
/** A row without a value, as what was measured does wrong things. */
void report_failed(
	struct report *r, const char *which, const char *metric, const char *unit, const char *why);
/** A sentence above the table, and not in the JSON: what was measured on. */
void report_note(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Print everything to standard output and free it. @return the bench's exit status: 0, or one of
 * these */
int report_finish(struct report *r);

#define REPORT_FAILED     1 /* something was wrong */
#define REPORT_UNMEASURED 3 /* a row could not be measured, the others could */

/** One line of progress to standard error. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Sorts @p values. @return their median; 0 for none */
double median(double *values, size_t n);

#endif
