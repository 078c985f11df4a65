/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over the field lines (RFC 9112 §5): from bit to bit of the scan, one step to the colon
 * and one to the end of the line. Control bytes and line ends were judged by the scan already, so
 * what is left are names, white space and counting.
 */
#include "dataplane/http/http1_priv.h"

/* Why the byte at @p stop, which is not of the token that begins at @p pos, is no colon. */
static enum reason name_fault(const char *data, size_t pos, size_t stop)
{
	if (!http1_is_space(data[stop]))
		return REASON_FIELD_NAME;
	if (stop == pos)
		return REASON_FIELD_FOLDED; /* RFC 9112 §5.2; on the first line §2.2 */
	while (http1_is_space(data[stop]))
		stop++;
	return data[stop] == ':' ? REASON_FIELD_SPACE : REASON_FIELD_NAME; /* RFC 9112 §5.1 */
}

/* The value between the colon and CR: nearly always one space, and none at the end. */
static inline void field_value(struct http1_field *field, const char *from, const char *cr)
{
	field->plain = from[0] == ' ' && !http1_is_space(from[1]) && !http1_is_space(cr[-1]);
	field->value = http1_likely(field->plain)
			       ? (struct str){ from + 1, (uint32_t)(cr - from - 1) }
			       : http1_trim(from, cr);
}

static inline void field_note(struct http1_known *known, struct http1_field *field, uint32_t at)
{
	bool alias;
	enum http1_field_id id = http1_name_find(field->name, &alias);

	field->id = (uint8_t)id;
	field->hop = alias || http1_id_is_hop(id);
	/* The upper bound is for the compiler, which cannot see it where sanitizers hide the
	 * table. */
	if (id == HTTP1_FIELD_OTHER || id >= HTTP1_FIELD_COUNT)
		return;
	known->again |= known->once & 1u << id;
	if (!http1_known_has(known, id))
		known->at[id] = (uint8_t)at;
	known->once |= 1u << id;
}

/**
 * Read all field lines of a head that the scan found complete and without bad bytes.
 * @param pos    where the first field line begins
 * @param known  filled: which of the known fields there are
 */
enum reason http1_fields_parse(struct http1_parse *parse, size_t pos, struct http1_known *known)
{
	const char *data = parse->data;
	const size_t last = parse->scan.end - 2; /* the empty line */
	struct http1_head *head = parse->head;
	uint32_t most =
		parse->limits->fields < HTTP1_MAX_FIELDS ? parse->limits->fields : HTTP1_MAX_FIELDS;
	/* Line ends are walked by themselves, so that no line waits for the colon of the one
	 * before. */
	size_t word = pos / 64;
	uint64_t ends = parse->scan.word[word][HTTP1_CR] & UINT64_MAX << pos % 64;
	uint32_t n;

	known->once = 0;
	known->again = 0;
	for (n = 0; pos < last; n++) {
		struct http1_field *field = &head->fields[n];
		size_t colon, end;

		if (http1_unlikely(n == most))
			return REASON_TOO_MANY_FIELDS;
		colon = http1_scan_next(&parse->scan, HTTP1_NOT_TOKEN, pos);
		if (http1_unlikely(data[colon] != ':' || colon == pos))
			return name_fault(data, pos, colon);
		while (ends == 0)
			ends = parse->scan.word[++word][HTTP1_CR];
		end = word * 64 + (size_t)__builtin_ctzll(ends);
		ends &= ends - 1;
		field->name = (struct str){ data + pos, (uint32_t)(colon - pos) };
		field_value(field, data + colon + 1, data + end);
		field_note(known, field, n);
		pos = end + 2;
	}
	head->field_count = n;
	return HTTP1_FINE;
}

bool http1_list_next(struct str *rest, struct str *element)
{
	const char *from = rest->data;
	const char *end = from + rest->len;

	while (from < end) {
		const char *comma = memchr(from, ',', (size_t)(end - from));
		const char *stop = comma != NULL ? comma : end;

		*element = http1_trim(from, stop);
		from = comma != NULL ? comma + 1 : end;
		if (element->len != 0) {
			*rest = (struct str){ from, (uint32_t)(end - from) };
			return true;
		}
	}
	return false;
}
