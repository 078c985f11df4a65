/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and how they are printed, see report.h. The table has a line a case and a column a
 * metric. */
#include "bench/common/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 24

struct row {
	char which[64], metric[48], unit[16], why[256]; /* why: there is no value */
	double value, target;
	bool least; /* the target is */
};

struct report {
	char bench[32];
	bool json;
	int status;
	struct row *rows;
	size_t count;
};

struct report *report_new(const char *bench, bool json)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	snprintf(r->bench, sizeof(r->bench), "%s", bench);
	r->json = json;
	return r;
}

static struct row *report_add(
	struct report *r, const char *which, const char *metric, const char *unit)
{
	struct row *rows = realloc(r->rows, (r->count + 1) * sizeof(*rows));

	if (!rows)
		abort();
	r->rows = rows;
	rows = &rows[r->count++];
	memset(rows, 0, sizeof(*rows));
	snprintf(rows->which, sizeof(rows->which), "%s", which);
	snprintf(rows->metric, sizeof(rows->metric), "%s", metric);
	snprintf(rows->unit, sizeof(rows->unit), "%s", unit);
	return rows;
}

void report_row(struct report *r, const char *which, const char *metric, const char *unit,
	double value, double target)
{
	struct row *row = report_add(r, which, metric, unit);

	row->value = value;
	row->target = target;
}

void report_row_least(struct report *r, const char *which, const char *metric, const char *unit,
	double value, double target)
{
	report_row(r, which, metric, unit, value, target);
	r->rows[r->count - 1].least = true;
}

void report_unmeasured(
	struct report *r, const char *which, const char *metric, const char *unit, const char *why)
{
	struct row *row = report_add(r, which, metric, unit);

	snprintf(row->why, sizeof(row->why), "not measurable: %s", why);
	if (r->status == 0)
		r->status = REPORT_UNMEASURED;
}

void report_failed(
	struct report *r, const char *which, const char *metric, const char *unit, const char *why)
{
	struct row *row = report_add(r, which, metric, unit);

	snprintf(row->why, sizeof(row->why), "failed: %s", why);
	r->status = REPORT_FAILED;
}

static bool row_met(const struct row *row)
{
	return row->least ? row->value >= row->target : row->value <= row->target;
}

void report_note(struct report *r, const char *format, ...)
{
	va_list args;

	if (r->json)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void print_value(double value, int width)
{
	if (value >= 100 || value == floor(value))
		printf("%*.0f", width, value);
	else
		printf("%*.2f", width, value);
}

/* A JSON string: a reason may hold bytes of a response. */
static void print_text(const char *text)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p >= 0x7f || *p == '"' || *p == '\\')
			printf("\\u%04x", *p);
		else
			putchar(*p);
	putchar('"');
}

static void print_value_json(const struct row *row)
{
	if (row->why[0]) {
		printf("\"value\": null, \"target\": null, \"why\": ");
		print_text(row->why);
	} else if (row->target == REPORT_NO_TARGET) {
		printf("\"value\": %.6g, \"target\": null", row->value);
	} else {
		printf("\"value\": %.6g, \"target\": %.6g, \"met\": %s", row->value, row->target,
			row_met(row) ? "true" : "false");
	}
}

static void print_json(const struct report *r)
{
	printf("[");
	for (size_t i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		printf("%s\n  {\"bench\": \"%s\", \"case\": \"%s\", \"metric\": \"%s\", \"unit\": \"%s\", ",
			i ? "," : "", r->bench, row->which, row->metric, row->unit);
		print_value_json(row);
		putchar('}');
	}
	printf("\n]\n");
}

static size_t columns_of(const struct report *r, const struct row **columns)
{
	size_t n = 0, k;

	for (size_t i = 0; i < r->count; i++) {
		for (k = 0; k < n && strcmp(columns[k]->metric, r->rows[i].metric) != 0; k++)
			;
		if (k == n && n < COLUMNS_MAX)
			columns[n++] = &r->rows[i];
	}
	return n;
}

static const struct row *cell(const struct report *r, const char *which, const char *metric)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->rows[i].which, which) == 0 && strcmp(r->rows[i].metric, metric) == 0)
			return &r->rows[i];
	return NULL;
}

static int width_of(const struct row *column)
{
	size_t a = strlen(column->metric), b = strlen(column->unit);

	return (int)(a > b ? a : b) + 2 < 9 ? 9 : (int)(a > b ? a : b) + 2;
}

static void print_line(const struct report *r, const char *which, const struct row **columns,
	size_t n, int name_width)
{
	printf("%-*s", name_width, which);
	for (size_t k = 0; k < n; k++) {
		const struct row *row = cell(r, which, columns[k]->metric);

		if (row && !row->why[0])
			print_value(row->value, width_of(columns[k]));
		else
			printf("%*s", width_of(columns[k]), "-");
	}
	printf("\n");
}

static void print_targets(const struct report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		if (row->why[0])
			printf("%s, %s: %s\n", row->which, row->metric, row->why);
		else if (row->target != REPORT_NO_TARGET)
			printf("%s, %s: %.6g %s, target at %s %.6g, %s\n", row->which, row->metric,
				row->value, row->unit, row->least ? "least" : "most", row->target,
				row_met(row) ? "met" : "missed");
	}
}

static void print_table(const struct report *r)
{
	const struct row *columns[COLUMNS_MAX];
	size_t n = columns_of(r, columns);
	int name_width = 6;

	for (size_t i = 0; i < r->count; i++)
		if ((int)strlen(r->rows[i].which) + 2 > name_width)
			name_width = (int)strlen(r->rows[i].which) + 2;
	printf("\n%-*s", name_width, r->bench);
	for (size_t k = 0; k < n; k++)
		printf("%*s", width_of(columns[k]), columns[k]->metric);
	printf("\n%-*s", name_width, "");
	for (size_t k = 0; k < n; k++)
		printf("%*s", width_of(columns[k]), columns[k]->unit);
	printf("\n");
	for (size_t i = 0; i < r->count; i++) {
		size_t k = 0;

		while (strcmp(r->rows[k].which, r->rows[i].which) != 0)
			k++;
		if (k == i)
			print_line(r, r->rows[i].which, columns, n, name_width);
	}
	printf("\n");
	print_targets(r);
}

int report_finish(struct report *r)
{
	int status = r->status;

	if (r->json)
		print_json(r);
	else
		print_table(r);
	fflush(stdout);
	free(r->rows);
	free(r);
	return status;
}

void progress(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(stderr);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double median(double *values, size_t n)
{
	if (n == 0)
		return 0;
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
