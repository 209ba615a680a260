# Teams that nginx.conf names, in the admin API: they are shown, can be
# overridden, and are changed where they stand.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(upstream => $upstream, limits => 'rpm=5',
                    http => <<'EOC', server => <<'EOS')->start;
        llm_model_group some m n;
EOC
        llm_team_limit blue rpm=10;
        llm_team_limit red rpm=3 tpm=1000 parallel=2 budget=1.5/day
                           budget=20/month models=@some,o*;
        location /v1/ {
            llm_team $http_x_team;
            proxy_pass http://provider;
        }
        location /fixed/ {
            llm_team fixed;
            proxy_pass http://provider;
        }
        location /fixed/red/ {
            llm_team red;
            proxy_pass http://provider;
        }
EOS


sub ids { join ' ', map { $_->{team_id} } @_ }


my $list = $t->api(GET => '/team/list');

is(ids(@$list), 'blue fixed red', 'they are listed');

my ($line) = grep {
    (split /\n/, LLMBase::slurp($t->dir . '/conf/nginx.conf'))[$_ - 1]
        =~ /llm_team_limit red/
} 1 .. 100;
my $red = $list->[2];

like($red->{config}, qr{/nginx\.conf:@{[$line + 1]}$|/nginx\.conf:$line$},
     'with the line');
is("@$red{qw(source rpm_limit tpm_limit max_parallel_requests max_budget
    budget_duration spend)} " . ($red->{blocked} ? 1 : 0),
   'config 3 1000 2 1.5 1d 0 0', 'and its limits');
is_deeply($red->{budget_limits},
          [{ max_budget => 20, budget_duration => '1mo' }], 'all budgets');
is_deeply($red->{models}, ['some', 'o*'], 'its models');
is("$list->[1]{source} $list->[1]{config}", 'config nginx.conf by llm_team',
   'one that a location names');
is($list->[1]{rpm_limit}, 5, 'has the default limits');

is($t->post('/v1/chat/completions',
            '{"model":"m","max_tokens":1,"messages":[]}',
            'X-Team' => 'red')->{status}, 200, 'a request');

my $info = $t->api(GET => '/team/info?team_id=red');

is("$info->{team_id} @{$info->{team_info}}{qw(source rpm_limit spend)} "
   . @{$info->{keys}}, 'red config 3 6e-05 0', 'info has it');

# They are not changed here.

my $where = '^400 Team=red is set in \S+/nginx\.conf:\d+: change it there,'
          . ' or override it with /team/new\.$';

like($t->refused(@$_), qr/$where/, "$_->[0] $_->[1]")
    for [POST => '/team/update', { team_id => 'red', rpm_limit => 9 }],
        [PATCH => '/team/red', { rpm_limit => 9 }],
        [POST => '/team/block', { team_id => 'red' }],
        [POST => '/team/delete', { team_ids => ['red'] }],
        [POST => '/team/member_add',
         { team_id => 'red', member => { user_id => 'u', role => 'user' } }],
        [POST => '/team/permissions_update',
         { team_id => 'red', team_member_permissions => [] }];

is($t->refused(GET => '/team/info?team_id=green'),
   '404 Team not found, passed team id: green.', 'nobody is nobody');
is($t->api(POST => '/team/red/reset_spend', {})->{spend}, 0,
   'what it spent can be reset');
is($t->api(POST => '/team/fixed/reset_spend', {})->{spend}, 0,
   'of one that spent nothing, too');

# One that is made overrides it, and gives it free again.

$t->api(POST => '/team/new', { team_id => 'red', rpm_limit => 9 });
$t->api(POST => '/team/new', { team_id => $_ }) for qw(amber zinc);
$list = $t->api(GET => '/team/list');
is(ids(@$list), 'amber red zinc blue fixed', 'after those of the store');
is($list->[1]{source} // 'none', 'none', 'one is of the store now');

my $page = $t->api(GET => '/v2/team/list?page=2&page_size=2');

is(ids(@{$page->{teams}}) . " @$page{qw(total total_pages)}", 'zinc blue 5 3',
   'in pages');
$page = $t->api(GET => '/v2/team/list?page=3&page_size=2');
is(ids(@{$page->{teams}}) . " $page->{total}", 'fixed 5', 'and the last one');
is(ids(@{$t->api(GET => '/team/list?team_id=blue')}), 'blue', 'one');
is(ids(@{$t->api(GET => '/v2/team/list?team_alias=x')->{teams}}), '',
   'none has an alias');
like($t->api(GET => '/team/list?format=csv'),
     qr/^blue,,0,,,10,,$/m, 'in lines, too');

$t->api(POST => '/team/delete', { team_ids => ['red'] });
is($t->api(GET => '/team/info?team_id=red')->{team_info}{rpm_limit}, 3,
   'deleted, it is that of nginx.conf');

# More of them than are shown in one turn

$t->configure(server => join '',
    "location /v1/ { llm_team \$http_x_team; proxy_pass http://provider; }\n",
    map { "llm_team_limit many-$_ rpm=1;\n" } 1000 .. 1499);
$t->reload;

LLMTest::wait_until {
    @{$t->api(GET => '/team/list')} == 502;
} 'the new configuration';

is(ids(@{$t->api(GET => '/team/list')}),
   join(' ', qw(amber zinc), map { "many-$_" } 1000 .. 1499), 'very many');
is($t->api(GET => '/v2/team/list?page=51&page_size=10')->{teams}[1]{team_id},
   'many-1499', 'and their last page');

$t->finish;
done_testing();
