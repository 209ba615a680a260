# Several machines share what was made over the admin API through a Redis.
# Here they are processes with a state directory and a port each.

use lib 't/lib';
use LLMApi;
use RawUpstream;
use RedisServer;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $server = <<'EOF';
        location /keys/ {
            llm_keys required;
            proxy_pass http://provider;
        }
EOF


# a node that is configured, and not started

sub node
{
    my ($redis, %options) = @_;

    my $directive = delete $options{directive}
                    // 'llm_quota_redis zone=main redis://127.0.0.1:%%REDIS%%';

    return LLMApi->new(
        upstream => $upstream, server => $server, workers => 2,
        http => "    $directive;\n",
        vars => { REDIS => $redis->port, UPSTREAM => $upstream->port },
        zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=50ms', %options
    );
}


sub nodes
{
    my ($redis, $n) = @_;

    return map { node($redis)->start } 1 .. $n;
}


sub team
{
    my ($t, $id) = @_;

    my $info = $t->api(GET => "/team/info?team_id=$id");

    return $t->status == 200 ? $info->{team_info} : undef;
}


# what the audit has of a team: "action by", the oldest first

sub audited
{
    my ($t, $id) = @_;

    my $list = $t->api(GET => "/audit?object_id=$id&page_size=100");

    return join ', ', map { "$_->{action}" } reverse @{$list->{audit_logs}};
}


# the versions that the stores of nodes have of an entity

sub versions
{
    my ($id, @nodes) = @_;

    return map {
        join '', $_->sql("SELECT version FROM entity WHERE id = '$id'")
    } @nodes;
}


sub agree
{
    my ($what, $sql, @nodes) = @_;

    my @rows;

    wait_until {
        @rows = map { join "\n", $_->sql($sql) } @nodes;
        !grep { $_ ne $rows[0] } @rows
    } "$what to be the same at all nodes";

    isnt($rows[0], '', "$what: the same at all nodes");

    return $rows[0];
}


subtest 'what one node makes, all have' => sub {
    my $redis = RedisServer->start;
    my @nodes = nodes($redis, 3);

    $nodes[0]->api(POST => '/team/new', { team_id => 't1',
                                          team_alias => 'first',
                                          rpm_limit => 2 });

    is($nodes[0]->status, 200, 'a team is made at the first');

    wait_until { team($nodes[2], 't1') } 'the third node to know it';

    is(team($nodes[2], 't1')->{rpm_limit}, 2, 'with its limit');

    is(join(' ', map { $nodes[2]->chat('t1')->{status} } 1 .. 3),
       '200 200 429', 'which is in effect there');

    $nodes[1]->api(POST => '/team/update', { team_id => 't1',
                                             rpm_limit => 50 });

    is($nodes[1]->status, 200, 'the second changes it');

    wait_until { (team($nodes[0], 't1') // {})->{rpm_limit} == 50 }
        'the first to know';

    is($nodes[2]->chat('t1')->{status}, 200, 'it is in effect at the third')
        if wait_until { team($nodes[2], 't1')->{rpm_limit} == 50 } 'it';

    my $key = $nodes[0]->api(POST => '/key/generate', { team_id => 't1' })
              ->{key};

    wait_until {
        $nodes[1]->chat('', path => '/keys/v1/chat/completions',
                        headers => [Authorization => "Bearer $key"])
            ->{status} == 200
    } 'the key to be known at the second';

    $nodes[2]->api(POST => '/team/delete', { team_ids => ['t1'] });

    is($nodes[2]->status, 200, 'the third deletes the team');

    wait_until { !team($nodes[0], 't1') } 'the first to know';

    is($nodes[1]->refused(POST => '/team/update',
                          { team_id => 't1', rpm_limit => 1 }) =~ /^404/,
       1, 'nobody has it any more');

    agree('the audit',
          'SELECT time, action, kind, id, version, before, after FROM audit
           ORDER BY version', @nodes);

    agree('references', 'SELECT * FROM entity_ref ORDER BY name, value, id',
          @nodes);

    $_->finish for @nodes;
};


done_testing();
