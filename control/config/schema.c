/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of all settings. To add one: a member in config.h, a row here, and its use in the
 * check or in the compiler; the rest follows from the row.
 */
#include "control/config/schema.h"

/* A C member and the setting of the same name. */
#define FIELD(type, member) .name = #member, .offset = offsetof(struct type, member)
/* A setting whose name is taken in the C struct. */
#define FIELD_AS(type, member, setting) .name = setting, .offset = offsetof(struct type, member)
#define RANGE(low, high)                .min = (low), .max = (high)

static const struct schema_field way_fields[] = {
	{ FIELD(cfg_way, to), SCHEMA_PREFIX, .required = true, .text = "The network." },
	{ FIELD(cfg_way, gateways), SCHEMA_ADDRESS, .list = true, .required = true,
		.text = "Routers that lead there, at most four, of the network's family and in one of "
			"the port's networks. New connections are spread over those that answer." },
	{ NULL },
};

static const struct schema_group way_group = { "a route", "dataplane.ports.routes",
	"Networks that are behind a router other than the port's `gateways`. The longest prefix of all ports decides.",
	sizeof(struct cfg_way), way_fields };

static const struct schema_field kernel_rates_fields[] = {
#define KERNEL_CLASS(NAME, name, rate, meaning)                                                    \
	{ FIELD(cfg_kernel_rates, name), SCHEMA_RATE, .fallback = (rate), .text = meaning "." },
#include "lib/shm/kernel_class.def"
#undef KERNEL_CLASS
	{ NULL },
};

static const struct schema_group kernel_rates_group = { "kernel.rates",
	"dataplane.ports.kernel.rates",
	"Packets that the kernel gets in the long run, of each kind by itself: a flood of one kind "
	"leaves the others their share. What is above is dropped and counted "
	"(`sluicectl stats --drops`).",
	sizeof(struct cfg_kernel_rates), kernel_rates_fields };

static const struct schema_field kernel_fields[] = {
	{ FIELD(cfg_kernel, interface), SCHEMA_NAME, .required = true,
		.text = "Name of the kernel's network interface, which is made when the dataplane "
			"starts, with the port's MAC address. Its addresses are yours to set." },
	{ FIELD(cfg_kernel, addresses), SCHEMA_ADDRESS, .list = true,
		.text = "Addresses that are the kernel's alone, with ARP and neighbour discovery." },
	{ FIELD(cfg_kernel, ports), SCHEMA_NUMBER, .list = true, RANGE("1", "65535"),
		.text = "TCP and UDP ports that the kernel serves, or speaks to, on the port's own "
			"addresses: what comes from or for them and is no connection of Sluice's. "
			"With any, the kernel also gets ICMP that is about its own packets." },
	{ FIELD(cfg_kernel, burst), SCHEMA_NUMBER, .fallback = "64", RANGE("1", "4096"),
		.text = "Packets of each kind that may come at once." },
	{ FIELD(cfg_kernel, rates), SCHEMA_GROUP, .group = &kernel_rates_group,
		.text = "How many packets the kernel gets." },
	{ NULL },
};

static const struct schema_group kernel_group = { "a port's kernel", "dataplane.ports.kernel",
	"What of the port's packets the operating system's kernel gets, so that sshd or a routing "
	"daemon live on the same network card. See [the kernel's side of a port](kernel.md).",
	sizeof(struct cfg_kernel), kernel_fields };

static const struct schema_field port_fields[] = {
	{ FIELD(cfg_port, name), SCHEMA_NAME, .required = true, .text = "What listeners call it." },
	{ FIELD(cfg_port, device), SCHEMA_TEXT, .required = true,
		.text = "A PCI address (`0000:5e:00.0`), a DPDK virtual device with its arguments "
			"(`net_af_packet0,iface=eth1`), or `auto:INTERFACE`, which takes a kernel "
			"interface by AF_XDP and, where that does not work, by AF_PACKET. A memif "
			"(`net_memif0,socket=/run/NAME`) is a client and starts only while its "
			"server is there, which must have a queue for each worker; with one "
			"worker it may be the server itself (`role=server`)." },
	{ FIELD(cfg_port, addresses), SCHEMA_PREFIX, .list = true, .required = true,
		.text = "The port's own addresses, at most eight, each with the length of its "
			"network's prefix. A port with an IPv6 address has a link-local one too. "
			"IPv6 "
			"addresses are used after a second in which no other host claimed them." },
	{ FIELD(cfg_port, gateways), SCHEMA_ADDRESS, .list = true,
		.text = "Routers for everything outside the port's networks, at most four. They are "
			"in one of the port's networks or, with IPv6, link-local. New connections "
			"are "
			"spread over those that answer." },
	{ FIELD(cfg_port, routes), SCHEMA_GROUP, .list = true, .group = &way_group,
		.text = "Static routes, at most sixteen." },
	{ FIELD(cfg_port, mtu), SCHEMA_NUMBER, .fallback = "0", RANGE("0", "9000"),
		.text = "Largest IP packet in bytes, 576 or more (1280 with IPv6). 0 is the port's "
			"own. Above 1500 on any port every mbuf is as large, and no port can be "
			"AF_XDP; an interface below AF_PACKET must have this MTU already." },
	{ FIELD(cfg_port, vlan), SCHEMA_NUMBER, .fallback = "0", RANGE("0", "4094"),
		.text = "802.1Q VLAN of the port's frames: they have its tag and others are dropped. 0 is none." },
	{ FIELD(cfg_port, queues), SCHEMA_NUMBER, .fallback = "0", RANGE("0", "64"),
		.text = "Pairs of receive and transmit queues. 0 is one for each worker." },
	{ FIELD(cfg_port, kernel), SCHEMA_GROUP, .group = &kernel_group,
		.text = "What the operating system's kernel gets; without it, nothing." },
	{ NULL },
};

static const struct schema_group port_group = { "a port", "dataplane.ports",
	"Network ports that the workers poll. Listeners are bound to their addresses, and backends are "
	"reached through them.",
	sizeof(struct cfg_port), port_fields };

static const struct schema_field buffers_fields[] = {
	{ FIELD(cfg_buffers, receive), SCHEMA_SIZE, .fallback = "256KiB", RANGE("4KiB", "16MiB"),
		.text = "Most bytes that a connection may have received and not yet passed on: its largest window." },
	{ FIELD(cfg_buffers, send), SCHEMA_SIZE, .fallback = "256KiB", RANGE("4KiB", "16MiB"),
		.text = "Most bytes that wait to be sent or acknowledged on a connection." },
	{ NULL },
};

static const struct schema_group buffers_group = { "dataplane.buffers", "dataplane.buffers",
	"What one TCP connection may hold. The other side is slowed down before it is exceeded.",
	sizeof(struct cfg_buffers), buffers_fields };

static const struct schema_field capacity_fields[] = {
	{ FIELD(cfg_capacity, listeners), SCHEMA_NUMBER, .fallback = "64", RANGE("1", "4096"),
		.text = "Most listeners." },
	{ FIELD(cfg_capacity, apis), SCHEMA_NUMBER, .fallback = "256", RANGE("1", "65536"),
		.text = "Most APIs." },
	{ FIELD(cfg_capacity, endpoints), SCHEMA_NUMBER, .fallback = "256", RANGE("1", "65536"),
		.text = "Most endpoints of all backends together." },
	{ FIELD(cfg_capacity, consumers), SCHEMA_NUMBER, .fallback = "0", RANGE("0", "16777216"),
		.text = "Most consumers; each takes 64 bytes. 0 is twice as many as are configured "
			"when the dataplane starts, and 65,536 at least." },
	{ NULL },
};

static const struct schema_group capacity_group = { "dataplane.capacity", "dataplane.capacity",
	"Memory for statistics and limits that is set aside when the dataplane starts, with room for what "
	"later configurations add.",
	sizeof(struct cfg_capacity), capacity_fields };

static const char *const ecn_choices[] = { "passive", "on", "off", NULL }; /* enum tcp_ecn */

static const struct schema_field dataplane_fields[] = {
	{ FIELD(cfg_dataplane, workers), SCHEMA_WORKERS, .fallback = "auto", RANGE("1", "64"),
		.text = "Number of workers, each on a processor core of its own. `\"auto\"` takes all "
			"but the first of the cores that the dataplane may use." },
	{ FIELD(cfg_dataplane, lcores), SCHEMA_NUMBER, .list = true, RANGE("0", "1023"),
		.text = "Processor cores, one worker each. Instead of `workers`." },
	{ FIELD(cfg_dataplane, ports), SCHEMA_GROUP, .list = true, .required = true,
		.group = &port_group, .text = "Network ports." },
	{ FIELD(cfg_dataplane, connections), SCHEMA_NUMBER, .fallback = "16384",
		RANGE("64", "4194304"),
		.text = "Most client connections of a worker; as many towards backends may come on top. "
			"With TLS each takes 16 KiB of memory on top, and 48 KiB in its handshake: Sluice "
			"does not start when there is not enough for all of them open, and warns when there "
			"is not for all in their handshakes." },
	{ FIELD(cfg_dataplane, mbufs), SCHEMA_NUMBER, .fallback = "0", RANGE("0", "16777216"),
		.text = "Packet buffers of a worker, 1,024 or more. 0 computes them from the queues and connections." },
	{ FIELD(cfg_dataplane, rto_min), SCHEMA_DURATION, .fallback = "200ms", RANGE("5ms", "10s"),
		.text = "Shortest TCP retransmission timeout." },
	{ FIELD(cfg_dataplane, ecn), SCHEMA_CHOICE, .fallback = "passive", .choices = ecn_choices,
		.text = "Explicit congestion notification (RFC 3168): `\"passive\"` agrees where a "
			"client asks for it, as Linux does by default, `\"on\"` asks backends, "
			"too." },
	{ FIELD(cfg_dataplane, buffers), SCHEMA_GROUP, .group = &buffers_group,
		.text = "What one connection may hold." },
	{ FIELD(cfg_dataplane, capacity), SCHEMA_GROUP, .group = &capacity_group,
		.text = "Memory set aside at the start." },
	{ NULL },
};

static const struct schema_group dataplane_group = { "dataplane", "dataplane",
	"Processor cores, ports and memory. They are taken when the dataplane starts: to change them, apply "
	"the new configuration while the dataplane is stopped.",
	sizeof(struct cfg_dataplane), dataplane_fields };

static const struct schema_field certificate_fields[] = {
	{ FIELD(cfg_certificate, name), SCHEMA_NAME, .required = true,
		.text = "What listeners call it." },
	{ FIELD(cfg_certificate, certificate), SCHEMA_TEXT, .required = true,
		.text = "File with the certificate chain in PEM, the server's own first." },
	{ FIELD(cfg_certificate, key), SCHEMA_TEXT, .required = true,
		.text = "File with the private key in PEM, not encrypted." },
	{ NULL },
};

static const struct schema_group certificate_group = { "a certificate", "certificates",
	"Certificates with their keys. Relative paths begin at the configuration's folder. Names that a "
	"certificate serves are read from its subjectAltName.",
	sizeof(struct cfg_certificate), certificate_fields };

static const struct schema_field tls_fields[] = {
	{ FIELD(cfg_tls, certificates), SCHEMA_NAME, .list = true, .required = true,
		.text = "Names of certificates; the client's SNI chooses, the first is for clients "
			"that ask for none of them." },
	{ NULL },
};

static const struct schema_group tls_group = { "a listener's tls", "listeners.tls",
	"With this group the listener speaks HTTPS.", sizeof(struct cfg_tls), tls_fields };

/* enum snap_path_policy */
static const char *const path_choices[] = { "refuse", "rewrite", "agree", "keep", NULL };
static const char *const dot_choices[] = { "refuse", "rewrite", NULL };

static const struct schema_field paths_fields[] = {
	{ FIELD(cfg_paths, slashes), SCHEMA_CHOICE, .fallback = "rewrite", .choices = path_choices,
		.text = "`//`: an empty segment, or one slash." },
	{ FIELD(cfg_paths, parameters), SCHEMA_CHOICE, .fallback = "agree", .choices = path_choices,
		.text = "`;v=1` in a segment: part of its name, or a parameter that is left out. "
			"`..;v=1` is refused unless parameters are rewritten." },
	{ FIELD(cfg_paths, encoded_slash), SCHEMA_CHOICE, .fallback = "refuse",
		.choices = path_choices,
		.text = "`%2F`: a byte of the segment's name, or a slash." },
	{ FIELD(cfg_paths, backslash), SCHEMA_CHOICE, .fallback = "refuse", .choices = path_choices,
		.text = "`%5C`: a byte of the segment's name, or a slash." },
	{ FIELD(cfg_paths, dot_segments), SCHEMA_CHOICE, .fallback = "rewrite",
		.choices = dot_choices,
		.text = "`/./` and `/../`, with `%2E` as well. Above the root they are always refused." },
	{ NULL },
};

static const struct schema_group paths_group = { "a listener's paths", "listeners.paths",
	"What happens to paths that servers are known to read in two ways: `\"refuse\"` is 400 "
	"(`path_ambiguous`); `\"rewrite\"` matches and forwards the shorter reading; `\"agree\"` forwards "
	"the path as sent if both readings lead to the same route, and refuses it otherwise; `\"keep\"` "
	"matches and forwards it as sent, for backends that are known to read it so. "
	"See [readings of a path](http.md#readings-of-a-path).",
	sizeof(struct cfg_paths), paths_fields };

static const struct schema_field listener_fields[] = {
	{ FIELD(cfg_listener, name), SCHEMA_NAME, .required = true,
		.text = "What APIs, statistics and logs call it." },
	{ FIELD(cfg_listener, port), SCHEMA_NAME, .required = true, .text = "Name of a port." },
	{ FIELD(cfg_listener, bind), SCHEMA_ENDPOINT, .required = true,
		.text = "One of the port's addresses and a TCP port." },
	{ FIELD(cfg_listener, tls), SCHEMA_GROUP, .group = &tls_group,
		.text = "HTTPS; without it the listener speaks clear HTTP." },
	{ FIELD(cfg_listener, backlog), SCHEMA_NUMBER, .fallback = "4096", RANGE("16", "1048576"),
		.text = "Most connections of a worker that are being established." },
	{ FIELD(cfg_listener, connections_per_source), SCHEMA_NUMBER, .fallback = "0",
		RANGE("0", "16777216"),
		.text = "Most connections that one source has open at a time, an IPv4 address or an IPv6 "
			"/64; others are reset. 0 is no limit. Many clients may share an address." },
	{ FIELD(cfg_listener, paths), SCHEMA_GROUP, .group = &paths_group,
		.text = "Paths that servers read in two ways." },
	{ NULL },
};

static const struct schema_group listener_group = { "a listener", "listeners",
	"Where clients connect.", sizeof(struct cfg_listener), listener_fields };

static const struct schema_field endpoint_fields[] = {
	{ FIELD(cfg_endpoint, address), SCHEMA_ENDPOINT, .required = true,
		.text = "Address and TCP port. One of the ports has a network or a gateway towards it." },
	{ FIELD(cfg_endpoint, weight), SCHEMA_NUMBER, .fallback = "1", RANGE("0", "1000"),
		.text = "Share of the requests, in relation to the other weights. 0 drains the endpoint: it gets no "
			"new request, and those under way end as they would have." },
	{ NULL },
};

static const struct schema_group endpoint_group = { "an endpoint", "backends.endpoints",
	"Servers that do the same work.", sizeof(struct cfg_endpoint), endpoint_fields };

static const char *const balance_choices[] = { "round-robin", NULL };

static const struct schema_field backend_fields[] = {
	{ FIELD(cfg_backend, name), SCHEMA_NAME, .required = true, .text = "What routes call it." },
	{ FIELD(cfg_backend, balance), SCHEMA_CHOICE, .fallback = "round-robin",
		.choices = balance_choices,
		.text = "How an endpoint is chosen: in turn, by weight." },
	{ FIELD(cfg_backend, endpoints), SCHEMA_GROUP, .list = true, .required = true,
		.group = &endpoint_group, .text = "Its servers." },
	{ FIELD(cfg_backend, connect_timeout), SCHEMA_DURATION, .fallback = "3s",
		RANGE("10ms", "60s"),
		.text = "How long an endpoint may take to accept a connection before another one is asked." },
	{ FIELD(cfg_backend, retry_after), SCHEMA_DURATION, .fallback = "5s", RANGE("100ms", "1h"),
		.text = "How long it takes until an endpoint that refused a connection is asked, by a connection "
			"that is no request's, whether it accepts again. Until it does requests go to the "
			"others, if any is left." },
	{ FIELD(cfg_backend, idle_connections), SCHEMA_NUMBER, .fallback = "64",
		RANGE("0", "65536"),
		.text = "Most idle connections that a worker keeps open to each endpoint." },
	{ NULL },
};

static const struct schema_group backend_group = { "a backend", "backends",
	"Groups of servers that requests are forwarded to.", sizeof(struct cfg_backend),
	backend_fields };

static const struct schema_field route_fields[] = {
	{ FIELD(cfg_route, path), SCHEMA_TEXT, .required = true,
		.text = "`/v1/orders` is this path alone; `/v1/orders/*` is everything below it and "
			"`/v1/orders` itself. The longest path wins." },
	{ FIELD(cfg_route, methods), SCHEMA_TEXT, .list = true,
		.text = "Methods in capitals; all but `TRACE` when left out. `HEAD` is not implied by `GET`." },
	{ FIELD(cfg_route, backend), SCHEMA_NAME, .required = true, .text = "Name of a backend." },
	{ FIELD(cfg_route, timeout), SCHEMA_DURATION, .fallback = "30s", RANGE("1ms", "1h"),
		.text = "From the request's last byte to the head of the backend's answer, and between "
			"two parts of its body. Interim responses (1xx) begin it anew, ten at most." },
	{ NULL },
};

static const struct schema_group route_group = { "a route", "apis.routes",
	"Paths of the API and the backends behind them.", sizeof(struct cfg_route), route_fields };

static const struct schema_field api_fields[] = {
	{ FIELD(cfg_api, name), SCHEMA_NAME, .required = true,
		.text = "What plans, statistics and logs call it. Versions of an API share it." },
	{ FIELD(cfg_api, version), SCHEMA_NAME, .fallback = "v1", .text = "Its version." },
	{ FIELD(cfg_api, listeners), SCHEMA_NAME, .list = true,
		.text = "Names of the listeners that serve it; all when left out." },
	{ FIELD(cfg_api, hosts), SCHEMA_TEXT, .list = true,
		.text = "Host names without ports: `api.example`, `*.example` for all below it, `*` "
			"for any; `*` when left out." },
	{ FIELD(cfg_api, auth), SCHEMA_NAME, .list = true,
		.text = "Names of the credentials that it accepts. Without them it is open to "
			"everyone and no plan counts." },
	{ FIELD(cfg_api, routes), SCHEMA_GROUP, .list = true, .required = true,
		.group = &route_group, .text = "Its paths." },
	{ NULL },
};

static const struct schema_group api_group = { "an API", "apis",
	"What is offered to consumers. A request's host is looked at first, then its path, then its method.",
	sizeof(struct cfg_api), api_fields };

static const char *const in_choices[] = { "header", "query", "cookie", "authorization", NULL };

static const struct schema_field credential_fields[] = {
	{ FIELD(cfg_credential, name), SCHEMA_NAME, .required = true,
		.text = "What APIs call it." },
	{ FIELD(cfg_credential, in), SCHEMA_CHOICE, .required = true, .choices = in_choices,
		.text = "Where in a request it is: `header`, `query`, `cookie` or `authorization`." },
	{ FIELD(cfg_credential, header), SCHEMA_TEXT,
		.text = "Name of the header field, with `in = \"header\"`." },
	{ FIELD(cfg_credential, parameter), SCHEMA_TEXT,
		.text = "Name of the query parameter, with `in = \"query\"`." },
	{ FIELD(cfg_credential, cookie), SCHEMA_TEXT,
		.text = "Name of the cookie, with `in = \"cookie\"`." },
	{ FIELD(cfg_credential, scheme), SCHEMA_TEXT,
		.text = "Scheme of the Authorization field, with `in = \"authorization\"`: `\"Bearer\"`." },
	{ FIELD(cfg_credential, pattern), SCHEMA_TEXT, .required = true,
		.text = "Regular expression (Hyperscan's subset of PCRE) that tells a credential from "
			"anything else. Begin it with `^` and end it with `$`. A literal prefix "
			"and one "
			"class of characters with a fixed length, "
			"`^ak_(live|test)_[A-Za-z0-9]{32}$`, is checked fastest." },
	{ FIELD(cfg_credential, strip), SCHEMA_BOOL, .fallback = "true",
		.text = "Keep the header field from the backend. Credentials in a query or a cookie "
			"are passed on as they are." },
	{ NULL },
};

static const struct schema_group credential_group = { "a credential", "credentials",
	"How a consumer's key is found in a request.", sizeof(struct cfg_credential),
	credential_fields };

static const struct schema_field limit_fields[] = {
	{ FIELD(cfg_limit, rate), SCHEMA_RATE,
		.text = "Requests in a time, admitted evenly: `\"10/s\"`, `\"600/min\"`, "
			"`\"100/15min\"`. Units: s, min, hour, day, week, month (30 days)." },
	{ FIELD(cfg_limit, burst), SCHEMA_NUMBER, RANGE("1", "4294967295"),
		.text = "With a rate: requests admitted at once. One second's requests when left out, and 1 at least." },
	{ FIELD(cfg_limit, quota), SCHEMA_RATE,
		.text = "Requests in a fixed window of time, which begins at a multiple of its length "
			"(UTC): `\"10000/day\"`." },
	{ FIELD(cfg_limit, name), SCHEMA_NAME,
		.text = "Its name in the RateLimit header fields; `rate` or `quota` when left out." },
	{ NULL },
};

static const struct schema_group limit_group = { "a limit", "plans.limits",
	"At most four limits; a request has to pass all of them. Each is either a rate or a quota.",
	sizeof(struct cfg_limit), limit_fields };

static const struct schema_field plan_fields[] = {
	{ FIELD(cfg_plan, name), SCHEMA_NAME, .required = true, .text = "What consumers call it." },
	{ FIELD(cfg_plan, apis), SCHEMA_TEXT, .list = true,
		.text = "APIs that it opens: `orders` for all versions, `orders/v2` for one." },
	{ FIELD(cfg_plan, limits), SCHEMA_GROUP, .list = true, .group = &limit_group,
		.text = "How much a consumer may call; unlimited when left out." },
	{ FIELD(cfg_plan, soft), SCHEMA_BOOL, .fallback = "false",
		.text = "Count what is over the limits, but do not refuse it." },
	{ NULL },
};

static const struct schema_group plan_group = { "a plan", "plans",
	"What consumers may call, and how much.", sizeof(struct cfg_plan), plan_fields };

static const struct schema_field key_fields[] = {
	{ FIELD(cfg_key, id), SCHEMA_NAME, .required = true,
		.text = "Name of the key within its consumer. Never the key itself." },
	{ FIELD(cfg_key, sha256), SCHEMA_DIGEST, .required = true,
		.text = "SHA-256 of the key, 64 hexadecimal digits; `sluicectl key new` makes both." },
	{ FIELD(cfg_key, expires), SCHEMA_DATE,
		.text = "Last day (UTC) that it works, `\"2027-06-30\"`, or an instant, "
			"`\"2027-06-30T12:00:00Z\"`; never when left out." },
	{ NULL },
};

static const struct schema_group key_group = { "a key", "consumers.keys",
	"Two keys at a time let a consumer change them without an interruption.",
	sizeof(struct cfg_key), key_fields };

static const struct schema_field consumer_fields[] = {
	{ FIELD(cfg_consumer, name), SCHEMA_NAME, .required = true,
		.text = "What backends (`Sluice-Consumer`), statistics and logs call it." },
	{ FIELD(cfg_consumer, plan), SCHEMA_NAME, .required = true, .text = "Name of a plan." },
	{ FIELD(cfg_consumer, keys), SCHEMA_GROUP, .list = true, .group = &key_group,
		.text = "Its keys." },
	{ NULL },
};

static const struct schema_group consumer_group = { "a consumer", "consumers",
	"Who calls. All keys of a consumer share its limits.", sizeof(struct cfg_consumer),
	consumer_fields };

static const struct schema_field timeouts_fields[] = {
	{ FIELD_AS(cfg_timeouts, head_, "head"), SCHEMA_DURATION, .fallback = "10s",
		RANGE("10ms", "10m"),
		.text = "For a complete request head, from its first byte or from the connection's begin." },
	{ FIELD(cfg_timeouts, body), SCHEMA_DURATION, .fallback = "30s", RANGE("10ms", "1h"),
		.text = "Between two pieces of a request's body." },
	{ FIELD(cfg_timeouts, idle), SCHEMA_DURATION, .fallback = "60s", RANGE("10ms", "1d"),
		.text = "For the next request on a client's connection." },
	{ FIELD(cfg_timeouts, send), SCHEMA_DURATION, .fallback = "30s", RANGE("10ms", "1h"),
		.text = "While a client takes nothing of a response, the last one on its connection too." },
	{ FIELD(cfg_timeouts, backend_idle), SCHEMA_DURATION, .fallback = "4s", RANGE("10ms", "1d"),
		.text = "That an idle connection to a backend is kept. Less than the backend keeps it: 5 "
			"seconds with many servers of Node, Python and Apache, whose close would cross a "
			"request. `Keep-Alive: timeout` in a response shortens it, less a second." },
	{ FIELD(cfg_timeouts, body_rate_min), SCHEMA_SIZE, .fallback = "0", RANGE("0", "16MiB"),
		.text = "Bytes a second that a client must send of a request's body, measured over 5 s in "
			"which Sluice waits for it; 408 below it. 0 is no least rate." },
	{ FIELD(cfg_timeouts, send_rate_min), SCHEMA_SIZE, .fallback = "0", RANGE("0", "16MiB"),
		.text = "Bytes a second that a client must read while a response waits for it, measured "
			"over 5 s; reset below it. 0 is no least rate." },
	{ NULL },
};

static const struct schema_group timeouts_group = { "timeouts", "timeouts",
	"How long Sluice waits for a client, and keeps connections.", sizeof(struct cfg_timeouts),
	timeouts_fields };

static const struct schema_field limits_fields[] = {
	{ FIELD_AS(cfg_limits, head_, "head"), SCHEMA_SIZE, .fallback = "16KiB",
		RANGE("512B", "64KiB"), .text = "Longest request head; 431 above it." },
	{ FIELD(cfg_limits, target), SCHEMA_SIZE, .fallback = "8KiB", RANGE("64B", "32KiB"),
		.text = "Longest request target; 414 above it." },
	{ FIELD(cfg_limits, fields), SCHEMA_NUMBER, .fallback = "100", RANGE("8", "128"),
		.text = "Most header fields of a request; 431 above it." },
	{ FIELD(cfg_limits, body), SCHEMA_SIZE, .fallback = "0", RANGE("0", "1073741824GiB"),
		.text = "Longest request body; 413 above it. 0 is no limit: bodies pass through in "
			"pieces and are never held as a whole." },
	{ NULL },
};

static const struct schema_group limits_group = { "limits", "limits", "How large a request may be.",
	sizeof(struct cfg_limits), limits_fields };

static const struct schema_field forwarding_fields[] = {
	{ FIELD(cfg_forwarding, via), SCHEMA_NAME, .fallback = "sluice",
		.text = "What Sluice calls itself in the Via field." },
	{ FIELD(cfg_forwarding, trust_client), SCHEMA_BOOL, .fallback = "false",
		.text = "Append to the X-Forwarded-For of a request instead of replacing it, and pass on "
			"what it says about its client in X-Real-IP, X-Forwarded-\\* and the like: only "
			"where another proxy of yours is the one client." },
	{ FIELD(cfg_forwarding, pass_overrides), SCHEMA_BOOL, .fallback = "false",
		.text = "Pass on header fields by which a client asks a backend for another path, host or "
			"method than the one that was judged here: X-Original-URL, X-Rewrite-URL, "
			"X-HTTP-Method-Override and the like." },
	{ NULL },
};

static const struct schema_group forwarding_group = { "forwarding", "forwarding",
	"What is told to backends beside the request.", sizeof(struct cfg_forwarding),
	forwarding_fields };

static const struct schema_field access_log_fields[] = {
	{ FIELD(cfg_access_log, enabled), SCHEMA_BOOL,
		.text = "Write a line of JSON for each request; true when there is a path." },
	{ FIELD(cfg_access_log, path), SCHEMA_TEXT,
		.text = "File that `sluice-control` appends to, in a folder that is there; `-` is its "
			"standard output. Its option `--access-log` comes before it." },
	{ FIELD(cfg_access_log, records), SCHEMA_NUMBER, .fallback = "65536",
		RANGE("256", "1048576"),
		.text = "Requests that a worker's ring holds (256 bytes each) until they are written; "
			"a power of two. What does not fit is dropped and counted. It is taken "
			"when the dataplane starts." },
	{ NULL },
};

static const struct schema_group access_log_group = { "access_log", "access_log",
	"One line for each request, with the reason that it ended with.",
	sizeof(struct cfg_access_log), access_log_fields };

static const struct schema_field admin_fields[] = {
	{ FIELD(cfg_admin, group), SCHEMA_NAME,
		.text = "Group of this machine whose members may do everything by `sluicectl`, as root and "
			"`sluice-control`'s own user may. When left out, the group that `sluice-control` runs "
			"with." },
	{ FIELD(cfg_admin, readers), SCHEMA_NAME,
		.text = "Group whose members may ask for `status`, and no more. To read the dataplane's "
			"statistics they need `sluice-dataplane --readers` with the same group." },
	{ NULL },
};

static const struct schema_group admin_group = { "admin", "admin",
	"Which users of this machine may operate the gateway.", sizeof(struct cfg_admin),
	admin_fields };

static const struct schema_field root_fields[] = {
	{ FIELD(cfg_root, version), SCHEMA_NUMBER, .required = true, RANGE("1", "1"),
		.text = "Version of this schema." },
	{ FIELD(cfg_root, dataplane), SCHEMA_GROUP, .required = true, .group = &dataplane_group,
		.text = "Cores, ports and memory." },
	{ FIELD(cfg_root, certificates), SCHEMA_GROUP, .list = true, .group = &certificate_group,
		.text = "For HTTPS." },
	{ FIELD(cfg_root, listeners), SCHEMA_GROUP, .list = true, .required = true,
		.group = &listener_group, .text = "Where clients connect." },
	{ FIELD(cfg_root, backends), SCHEMA_GROUP, .list = true, .required = true,
		.group = &backend_group, .text = "Where requests go." },
	{ FIELD(cfg_root, apis), SCHEMA_GROUP, .list = true, .required = true, .group = &api_group,
		.text = "What is offered." },
	{ FIELD(cfg_root, credentials), SCHEMA_GROUP, .list = true, .group = &credential_group,
		.text = "How keys are found." },
	{ FIELD(cfg_root, plans), SCHEMA_GROUP, .list = true, .group = &plan_group,
		.text = "How much may be called." },
	{ FIELD(cfg_root, consumers), SCHEMA_GROUP, .list = true, .group = &consumer_group,
		.text = "Who calls." },
	{ FIELD(cfg_root, key_files), SCHEMA_TEXT, .list = true,
		.text = "Files with many consumers and keys, one key a line: "
			"`consumer,plan,id,sha256[,expires]`. Empty lines and lines that begin "
			"with `#` "
			"are passed over. A consumer that is configured already may leave its plan "
			"empty." },
	{ FIELD(cfg_root, timeouts), SCHEMA_GROUP, .group = &timeouts_group,
		.text = "How long Sluice waits." },
	{ FIELD(cfg_root, limits), SCHEMA_GROUP, .group = &limits_group,
		.text = "How large a request may be." },
	{ FIELD(cfg_root, forwarding), SCHEMA_GROUP, .group = &forwarding_group,
		.text = "What backends are told." },
	{ FIELD(cfg_root, access_log), SCHEMA_GROUP, .group = &access_log_group,
		.text = "A line for each request." },
	{ FIELD(cfg_root, admin), SCHEMA_GROUP, .group = &admin_group,
		.text = "Who may operate the gateway." },
	{ NULL },
};

const struct schema_group schema_root = { "the configuration", "Top level",
	"Every section of the file.", sizeof(struct cfg_root), root_fields };
