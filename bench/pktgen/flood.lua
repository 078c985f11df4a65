-- SPDX-License-Identifier: Apache-2.0
-- 64-byte packets and a SYN flood from Pktgen-DPDK towards the gateway; see docs/benchmarks.md.
-- Port 0 is cabled to the gateway's outside port. Run within Pktgen: `-f bench/pktgen/flood.lua`.
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua;"
require "Pktgen"

local port = "0"
local seconds = 10
local gateway_ip = "198.51.100.10"
local gateway_mac = "02:00:00:00:00:01" -- of the gateway's outside port: `sluicectl status`
local listen_port = 443
local rates = { 10, 25, 50, 100 } -- percent of the line

-- A range: where it begins, its ends, its step.
local function range(set, first, lowest, highest, step)
	set(port, "start", first)
	set(port, "min", lowest)
	set(port, "max", highest)
	set(port, "inc", step)
end

local function prepare(flag)
	pktgen.stop(port)
	pktgen.clear(port)
	range(pktgen.range.dst_mac, gateway_mac, gateway_mac, gateway_mac, "00:00:00:00:00:00")
	pktgen.range.ip_proto(port, "tcp")
	range(pktgen.range.dst_ip, gateway_ip, gateway_ip, gateway_ip, "0.0.0.0")
	range(pktgen.range.src_ip, "203.0.113.1", "203.0.113.1", "203.0.113.254", "0.0.0.1")
	range(pktgen.range.src_port, 1024, 1024, 65535, 1)
	range(pktgen.range.dst_port, listen_port, listen_port, listen_port, 0)
	range(pktgen.range.pkt_size, 64, 64, 64, 0)
	pktgen.tcp_flag_set(port, flag, "on")
	pktgen.set_range(port, "on")
end

local function measure(name, rate)
	pktgen.set(port, "rate", rate)
	pktgen.start(port)
	pktgen.delay(seconds * 1000)
	local stats = pktgen.rateStats(port)
	pktgen.stop(port)
	local n = tonumber(port)
	printf("%s at %d%%: sent %d/s, received %d/s\n", name, rate, stats[n].pkts_tx, stats[n].pkts_rx)
end

for _, flags in ipairs({ "ack", "syn" }) do
	prepare(flags)
	for _, rate in ipairs(rates) do
		measure(flags, rate)
	end
end
