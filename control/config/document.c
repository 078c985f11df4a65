/* SPDX-License-Identifier: Apache-2.0 */
/* The reference of all settings, written from the schema's rows: docs/configuration.md. */
#include "control/config/schema.h"

#define SCHEMA_GROUPS_MAX 100

static const char introduction[] =
	"# Configuration\n"
	"\n"
	"<!-- Made by `sluice-control --document`; a test holds it to the code. Change the rows in\n"
	"lib/schema instead. -->\n"
	"\n"
	"Sluice is configured by one file in the form of [libconfig]"
	"(https://hyperrealm.github.io/libconfig/): `name = value;`, groups in `{ }`, lists of groups\n"
	"in `( )`, lists of values in `[ ]`, comments after `#`. A line `@include \"FILE\"` takes "
	"in\n"
	"another file from the folder of the first one. Files are text in UTF-8.\n"
	"`conf/quickstart.conf` is a small example, `conf/full.conf` names every setting.\n"
	"\n"
	"Some of what libconfig lets pass is refused here, since it is hardly ever meant: a comment or a\n"
	"text without an end, two texts side by side (libconfig makes one of them), a number that begins\n"
	"with 0, a setting that is written twice.\n"
	"\n"
	"`sluicectl check FILE` finds every mistake in one run, each with its file and line;\n"
	"`sluicectl apply FILE` makes the running gateway use it, as a whole or not at all.\n"
	"\n"
	"## How values are written\n"
	"\n"
	"| type | form |\n"
	"| --- | --- |\n"
	"| name | 1 to 64 letters, digits, `.`, `_`, `-` and `@`, in quotes |\n"
	"| text | in quotes |\n"
	"| content | in quotes; of several lines with `\\n` for each line's end |\n"
	"| number | digits, or hexadecimal ones after `0x`, without quotes |\n"
	"| boolean | `true` or `false`, without quotes |\n"
	"| duration | `\"250ms\"`, `\"2s\"`, `\"1m\"`, `\"1h\"`, `\"1d\"` |\n"
	"| size | `\"512B\"`, `\"16KiB\"`, `\"1MiB\"`, `\"1GiB\"` |\n"
	"| rate | `\"10/s\"`, `\"600/min\"`, `\"1000/hour\"`, `\"10000/day\"`, `\"1/week\"`, `\"1/month\"` |\n"
	"| date | `\"2027-06-30\"` or `\"2027-06-30T12:00:00Z\"` |\n"
	"| IP address | `\"192.0.2.1\"`, `\"2001:db8::1\"` |\n"
	"| address:port | `\"192.0.2.1:443\"`, `\"[2001:db8::1]:443\"` |\n"
	"| address/length | `\"192.0.2.1/24\"`, `\"2001:db8::1/64\"` |\n";

static void write_type(const struct schema_field *f, FILE *out)
{
	if (f->type == SCHEMA_GROUP) {
		fputs(f->list ? "list of groups" : "group", out);
		return;
	}
	if (f->type == SCHEMA_CHOICE) {
		for (unsigned i = 0; f->choices[i]; i++)
			fprintf(out, "%s`\"%s\"`", i ? ", " : "", f->choices[i]);
		return;
	}
	fprintf(out, "%s%s", f->list ? "list of " : "", schema_type_word(f->type));
}

static bool is_quoted(const struct schema_field *f)
{
	return f->type != SCHEMA_NUMBER && f->type != SCHEMA_BOOL;
}

static void write_default(const struct schema_field *f, FILE *out)
{
	const char *quote = is_quoted(f) ? "\"" : "";

	if (f->required)
		fputs("**required**", out);
	else if (f->fallback)
		fprintf(out, "`%s%s%s`", quote, f->fallback, quote);
	else
		fputs("–", out);
}

static void write_range(const struct schema_field *f, FILE *out)
{
	/* The limit of a body is that of a number: no news to anybody. */
	if (f->min && f->type == SCHEMA_SIZE && f->min[0] == '0')
		fputs("–", out);
	else if (f->min)
		fprintf(out, "%s – %s", f->min, f->max);
	else
		fputs("–", out);
}

/* A bar within a cell would end it. */
static void write_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* Some groups are in several others. */
static bool is_written(const struct schema_group *g)
{
	static const struct schema_group *written[SCHEMA_GROUPS_MAX];
	static unsigned count;

	for (unsigned i = 0; i < count; i++)
		if (written[i] == g)
			return true;
	if (count < SCHEMA_GROUPS_MAX)
		written[count++] = g;
	return false;
}

static void write_group(const struct schema_group *g, FILE *out)
{
	fprintf(out, "\n## %s\n\n%s\n\n", g->title, g->text);
	fputs("| setting | type | default | range | meaning |\n| --- | --- | --- | --- | --- |\n",
		out);
	for (const struct schema_field *f = g->fields; f->name; f++) {
		fprintf(out, "| `%s` | ", f->name);
		write_type(f, out);
		fputs(" | ", out);
		write_default(f, out);
		fputs(" | ", out);
		write_range(f, out);
		fputs(" | ", out);
		write_text(f->text, out);
		fputs(" |\n", out);
	}
	for (const struct schema_field *f = g->fields; f->name; f++)
		if (f->group && !is_written(f->group))
			write_group(f->group, out);
}

void schema_document(FILE *out)
{
	fputs(introduction, out);
	write_group(&schema_root, out);
}
