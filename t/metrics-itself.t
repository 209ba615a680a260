# What the module tells of itself: who left a zone that is too small, how it
# stands with Redis, what nginx tried again.

use lib 't/lib';
use LLMGateway;
use RawUpstream;
use RedisServer;

my $upstream = RawUpstream->start(
    '*' => { json => usage(10, 5) },
    '/v1/responses' => {
        json => '{"id":"resp_1","object":"response","background":true,'
                . '"status":"queued","model":"m","usage":null}'
    }
);
my $redis = RedisServer->start;

my %common = (upstream => $upstream, keepalive => 'keepalive 32;');


sub value
{
    my ($t, $name) = @_;

    return $t->get('/metrics')->{body} =~ /^$name (\S+)$/m ? $1 : undef;
}


# A zone that is too small, without Redis.  Nobody listens at the first
# upstream.

my $t = LLMGateway->new(
    %common, zone => 'zone=main:512k state=%%DIR%%/tmp/state sync=10ms',
    vars => { BROKEN => LLMBase::free_port(), UPSTREAM => $upstream->port },
    http => <<'EOF', server => <<'EOF');
    upstream first_fails {
        server 127.0.0.1:%%BROKEN%%;
        server 127.0.0.1:%%UPSTREAM%% backup;
    }
EOF
        llm_customer $http_x_customer;
        llm_customer_limit default budget=1;

        location = /metrics { llm_quota_metrics main; }

        location /again/ {
            proxy_pass http://first_fails/;
        }
EOF

$t->start;

is(value($t, 'llm_quota_zone_evictions_total'), 0, 'nobody left');

for my $batch (0 .. 39) {
    $t->parallel(map {
        ['POST', '/v1/chat/completions', '{"model":"m","max_tokens":1}',
         'X-Team' => 'a', 'X-Customer' => "c$batch-$_"]
    } 1 .. 25);
}

my $left = value($t, 'llm_quota_zone_evictions_total');
my $there = value($t, 'llm_quota_zone_entries\{kind="subjects"\}');

cmp_ok($left, '>', 0, 'customers left');
is($left + $there, 1001, 'as many as came, but for those who are there');

is(value($t, 'llm_quota_upstream_retries_total'), 0, 'nothing tried again');
is($t->chat('b', path => '/again/v1/chat/completions')->{status}, 200,
   'the second upstream answers');
is(value($t, 'llm_quota_upstream_retries_total'), 1, 'which is told');

is(value($t, 'llm_quota_zone_entries\{kind="pending"\}'), 0,
   'no answer is pending');
is($t->chat('b', path => '/v1/responses',
            body => '{"model":"m","input":"x","background":true}')->{status},
   200, 'one is asked for');
is(value($t, 'llm_quota_zone_entries\{kind="pending"\}'), 1, 'and told of');

for my $name (qw(up rtt_seconds)) {
    is(value($t, "llm_quota_redis_$name"), undef, "no Redis, no $name");
}

$t->finish;


# With Redis, which goes away and comes back.

$t = LLMGateway->new(
    %common, server => '        location = /metrics { llm_quota_metrics main; }',
    vars => { REDIS => $redis->port },
    zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=50ms',
    http => '    llm_quota_redis zone=main redis://127.0.0.1:%%REDIS%%;'
)->start;

wait_until { (value($t, 'llm_quota_redis_exchanges_total') // 0) > 2 }
           'exchanges';

is(value($t, 'llm_quota_redis_up'), 1, 'Redis is there');
is(value($t, 'llm_quota_redis_errors_total'), 0, 'and was not away');
like(value($t, 'llm_quota_redis_rtt_seconds'), qr/^\d+\.\d{6}$/,
     'its answers take a while');
cmp_ok(value($t, 'llm_quota_redis_rtt_seconds'), '>', 0, 'however short');

$redis->crash;

wait_until { value($t, 'llm_quota_redis_up') eq '0' } 'Redis to be missed';

my $n = value($t, 'llm_quota_redis_exchanges_total');

is(value($t, 'llm_quota_redis_errors_total'), 1, 'it is away once');

$redis->again;

wait_until { value($t, 'llm_quota_redis_up') eq '1' } 'Redis to be found';
wait_until { value($t, 'llm_quota_redis_exchanges_total') > $n } 'exchanges';

is(value($t, 'llm_quota_redis_errors_total'), 1, 'nothing failed since');

$t->finish;

done_testing();
