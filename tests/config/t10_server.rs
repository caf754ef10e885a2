//! Keys of the top level.

use super::compare;

#[test]
fn good_values_are_accepted() {
    compare(&[
        "client_advertise: \"a.example:4222\"\nserver_name: n\nlogtime: false\nlogtime_utc: on\n",
        "max_control_line: 2kb\nmax_connections: 0\nmax_sub_tokens: 16\nmax_traced_msg_len: 10\nmax_closed_clients: 5\n",
        "ping_interval: \"10s\"\nping_max: 3\nwrite_timeout: retry\nlame_duck_grace_period: \"0s\"\n",
        "disable_sublist_cache: true\nno_header_support: true\nno_fast_producer_stall: true\nproxy_protocol: true\n",
        "connect_error_reports: 5\nreconnect_error_reports: 2\nfeature_flags { js_ack_fc_v2: true }\n",
        "pid_file: /tmp/none.pid\nports_file_dir: /tmp\nlog_file: /tmp/none.log\nlog_size_limit: 1mb\nlog_max_num: 3\n",
        "syslog: true\nremote_syslog: \"udp://127.0.0.1:514\"\ntrace_verbose: true\ntrace_headers: true\n",
        "PORT: 4222\nDebug: true\n",
        "http_port: 8222\nprof_port: 0\n",
        "jetstream: disabled\n",
        "jetstream { store_dir: /tmp/none, max_mem: 1G, limits { max_ack_pending: 5 } }\n",
        "cluster { name: c, listen: 127.0.0.1:-1, routes: [] }\n",
        "websocket { listen: 127.0.0.1:-1, no_tls: true }\n",
        "leafnodes { listen: 127.0.0.1:-1 }\n",
    ]);
}

#[test]
fn bad_values_are_refused_in_the_same_words() {
    compare(&[
        "foo: 1\n  bar: 2\n",
        "port: abc\n",
        "port: 1.5\nhost: 5\n",
        "listen: foo\n",
        "listen: \"foo:bar\"\n",
        "listen: true\n",
        "http: foo\n",
        "server_name: \"a b\"\n",
        "debug: 5\n",
        "max_payload: 3gb\n",
        "max_control_line: 3gb\n",
        "max_sub_tokens: 256\n",
        "max_sub_tokens: 0\n",
        "ping_interval: 10\n",
        "ping_interval: abc\n",
        "ping_interval: \"10\"\n",
        "ping_interval: true\n",
        "write_deadline: 5\nping_interval: 6\n",
        "write_timeout: never\n",
        "lame_duck_duration: \"10s\"\n",
        "lame_duck_duration: 60\n",
        "lame_duck_duration: \"1x\"\n",
        "lame_duck_grace_period: \"-1s\"\n",
        "server_tags: 5\n",
        "server_tags: [a, 5 ]\n",
        "server_metadata: a\n",
        "server_metadata { a: 5 }\n",
        "feature_flags { a: 5 }\n",
        "feature_flags: a\n",
        "system_account: 5\n",
        "proxies: 5\n",
        "proxies { trusted: 5 }\n",
        "proxies { trusted: [5 ] }\n",
        "proxies { trusted: [{key: abc}], foo: 1 }\n",
        "cluster { foo: 1 }\n",
        "jetstream { foo: 1, limits { bar: 2 } }\n",
        "websocket { no_tls: true, foo: 1 }\n",
        "mqtt { foo: 1 }\n",
        "leafnodes { foo: 1 }\n",
        "gateway { name: a, foo: 1 }\n",
    ]);
}
