/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over the field lines (RFC 9112 §5): from bit to bit of the scan, one step to the colon
 * and one to the end of the line. Control bytes and line ends were judged by the scan already, so
 * what is left are names, white space and counting.
 */
#include "dataplane/http/fields.h"
#include "dataplane/http/h1/http1_priv.h"

_Static_assert(HTTP1_MAX_HEAD_BYTES <= UINT16_MAX + 1, "places in a head are 16 bits");

/* Why the byte at @p stop, which is not of the token that begins at @p pos, is no colon. */
static enum reason name_fault(const char *data, size_t pos, size_t stop)
{
	if (!http_is_space(data[stop]))
		return REASON_FIELD_NAME;
	if (stop == pos)
		return REASON_FIELD_FOLDED; /* RFC 9112 §5.2; on the first line §2.2 */
	while (http_is_space(data[stop]))
		stop++;
	return data[stop] == ':' ? REASON_FIELD_SPACE : REASON_FIELD_NAME; /* RFC 9112 §5.1 */
}

/* The value between the colon and CR: nearly always one space, and none at the end. */
static inline void field_value(struct http_field *field, const char *from, const char *cr)
{
	const bool plain = from[0] == ' ' && !http_is_space(from[1]) && !http_is_space(cr[-1]);
	const struct str value = http_likely(plain)
					 ? (struct str){ from + 1, (uint32_t)(cr - from - 1) }
					 : http_trim(from, cr);

	field->flags = plain ? HTTP_IS_PLAIN : 0;
	field->value_from = (uint16_t)(value.data - field->name_at);
	field->value_bytes = (uint16_t)value.len;
}

/* Which of the known fields a head has, while it is walked: in registers. */
struct field_sets {
	uint64_t known, repeated;
};

static inline void field_note(struct field_sets *sets, struct http1_places *places,
	struct http_field *field, struct str name, uint32_t at)
{
	bool alias;
	enum http_field_id id = http_field_find(name, &alias);

	field->id = (uint8_t)id;
	/* The upper bound is for the compiler, which cannot see it where sanitizers hide the
	 * table. */
	if (id == HTTP_FIELD_OTHER || id >= HTTP_FIELD_COUNT) {
		if (http_unlikely(alias))
			field->flags |= HTTP_IS_HOP;
		return;
	}
	if (http_field_is_hop(id))
		field->flags |= HTTP_IS_HOP;
	sets->repeated |= sets->known & HTTP_FIELD_BIT(id);
	if ((sets->known & HTTP_FIELD_BIT(id)) == 0)
		places->at[id] = (uint8_t)at;
	sets->known |= HTTP_FIELD_BIT(id);
}

/**
 * Read all field lines of a head that the scan found complete and without bad bytes.
 * @param pos    where the first field line begins
 * @param places  filled for the known fields that there are
 */
enum reason http1_fields_parse(struct http1_parse *parse, size_t pos, struct http1_places *places)
{
	const char *data = parse->data;
	const size_t last = parse->scan.end - 2; /* the empty line */
	struct http1_head *head = parse->head;
	uint32_t most =
		parse->limits->fields < HTTP_MAX_FIELDS ? parse->limits->fields : HTTP_MAX_FIELDS;
	/* Line ends are walked by themselves, so that no line waits for the colon of the one
	 * before. */
	size_t word = pos / 64;
	uint64_t ends = parse->scan.word[word][HTTP1_CR] & UINT64_MAX << pos % 64;
	struct field_sets sets = { 0, 0 };
	uint32_t n;

	for (n = 0; pos < last; n++) {
		struct http_field *field = &head->message.fields[n];
		size_t colon, end;
		struct str name;

		if (http_unlikely(n == most))
			return REASON_TOO_MANY_FIELDS;
		colon = http1_scan_next(&parse->scan, HTTP1_NOT_TOKEN, pos);
		if (http_unlikely(data[colon] != ':' || colon == pos))
			return name_fault(data, pos, colon);
		while (ends == 0)
			ends = parse->scan.word[++word][HTTP1_CR];
		end = word * 64 + (size_t)__builtin_ctzll(ends);
		ends &= ends - 1;
		name = (struct str){ data + pos, (uint32_t)(colon - pos) };
		field->name_at = name.data;
		field->name_bytes = (uint16_t)name.len;
		field_value(field, data + colon + 1, data + end);
		field_note(&sets, places, field, name, n);
		pos = end + 2;
	}
	head->message.field_count = n;
	head->message.known = sets.known;
	head->message.repeated = sets.repeated;
	return HTTP1_FINE;
}

bool http1_list_next(struct str *rest, struct str *element)
{
	const char *from = rest->data;
	const char *end = from + rest->len;

	while (from < end) {
		const char *comma = memchr(from, ',', (size_t)(end - from));
		const char *stop = comma != NULL ? comma : end;

		*element = http_trim(from, stop);
		from = comma != NULL ? comma + 1 : end;
		if (element->len != 0) {
			*rest = (struct str){ from, (uint32_t)(end - from) };
			return true;
		}
	}
	return false;
}
