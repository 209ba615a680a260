# What the store has of teams, users, customers, keys and budgets bears on
# requests: at once, in every worker, over nginx.conf parameter by parameter,
# and again after a restart.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use Digest::SHA qw(sha256_hex);
use IPC::Open2 qw(open2);
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;
my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

# a request costs 0.00006
my $t = LLMGateway->new(
    upstream => $upstream, workers => 4,
    zone => 'zone=main:4m state=%%DIR%%/tmp/state',
    http => 'llm_price n input=1 output=10; llm_model_group cheap n;',
    server => <<'EOC',
        llm_user $http_x_user;
        llm_customer $http_x_customer;

        location /named/ {
            llm_team_limit default rpm=1000 budget=0.0001/month;
            llm_team_limit five rpm=5 models=m;
            proxy_pass http://provider;
        }

        location /deny/ {
            llm_unknown_team deny;
            proxy_pass http://provider;
        }

        location /keys/ {
            llm_keys required;
            proxy_pass http://provider;
        }

        location /optional/ {
            llm_keys optional;
            proxy_pass http://provider;
        }

        location /budget/ {
            proxy_pass http://provider;
            add_header X-Limit $llm_team_budget_usd always;
        }
EOC
)->start;

my ($version, $barriers) = (0, 0);


# What the admin API does in one transaction; done when it is in effect.
# undef: it is deleted.

sub text
{
    my ($text) = @_;

    return 'NULL' if !defined $text;
    return "CAST(x'" . unpack('H*', $text) . "' AS TEXT)";
}


sub sql
{
    my (@sql) = @_;

    my $pid = open2(my $out, my $in, 'sqlite3', '-bail',
                    $t->state_dir . '/quota.db');

    print $in ".timeout 5000\n", join(";\n", 'BEGIN IMMEDIATE', @sql,
                                      'COMMIT'), ";\n";
    close $in;
    my @said = <$out>;
    waitpid $pid, 0;

    die "sqlite3: @said" if $?;
}


sub rows
{
    my ($kind, $id, $doc) = @_;

    my ($k, $i) = (text($kind), text($id));
    my $after = text(defined $doc && ref $doc ? $json->encode($doc) : $doc);

    $version++;

    return (
        defined $doc
        ? "INSERT OR REPLACE INTO entity VALUES ($k, $i, $version, NULL,
                                                 $after)"
        : "DELETE FROM entity WHERE kind = $k AND id = $i",
        "INSERT INTO audit (time, who, key, address, reason, action, kind, id,
                            version, before, after)
         VALUES (0, '', '', '', '', '', $k, $i, $version, NULL, $after)",
        "UPDATE counter SET value = $version WHERE name = 'version'"
    );
}


sub put
{
    my (@entities) = @_;

    my $barrier = 'barrier-' . ++$barriers;
    my @sql = rows(team => $barrier, { blocked => JSON::PP::true });

    push @sql, rows(splice @entities, 0, 3) while @entities;

    # what is no change of an entity may be the newest row

    sql(@sql, "INSERT INTO audit (time, who, key, address, reason, action,
                                  kind, id, version, before, after)
               VALUES (0, '', '', '', '', '/adjust', 'team', 'a', 0, NULL,
                       '{}')");

    # the newest are read first

    wait_until { $t->chat($barrier)->{status} == 403 } 'it is in effect';
}


sub chat
{
    my ($team, %options) = @_;

    return $t->chat($team, %options);
}


sub status { return join ' ', map { $_->{status} } @_ }


sub message
{
    my ($answer) = @_;

    return $json->decode($answer->{body})->{error}{message};
}


sub named { return chat($_[0], path => '/named/v1/chat/completions') }


wait_until { $t->sql('SELECT count(*) FROM counter') } 'the store is there';


# limits that are lowered, raised, lifted

is(status(map { chat('a') } 1 .. 2), '200 200', 'no entity');

put(team => a => { rpm_limit => 2, max_budget => 500 });

my $answer = chat('a');

is(status($answer), 429, 'a lower limit counts what was before it');
is(message($answer) =~ s/, retry.*//r,
   'Rate limit exceeded, try again later. Team=a rpm=2, used 2',
   'names the limit');

$answer = chat('a', path => '/budget/v1/chat/completions');
is($answer->{headers}{'x-limit'}, 500, 'a variable sees the budget');
is($answer->{headers}{'x-ratelimit-limit-requests'}, 2, 'headers the rate');

put(team => a => { rpm_limit => 3 });
is(status(map { chat('a') } 1 .. 2), '200 429', 'raised');

put(team => a => { rpm_limit => undef });
is(status(map { chat('a') } 1 .. 3), '200 200 200', 'lifted by null');

put(team => a => { rpm_limit => 1 });
is(status(chat('a')), 429, 'lowered again');

put(team => 'a', undef);
is(status(chat('a')), 200, 'deleted: as configured');


# budgets

is(status(map { named('b') } 1 .. 3), '200 200 403', 'a configured budget');

put(team => b => { max_budget => 0.0002 });
is(status(named('b'), named('b'), $answer = named('b')), '200 200 403',
   'raised, of the same month');
like(message($answer), qr/Current cost: 0.00024, Max budget: 0.0002. Resets/,
     'as the refusal says');

put(team => b => { max_budget => 0.0002, budget_duration => '1d' });
is(status(named('b')), 200, 'another period begins with nothing');

put(team => b => { max_budget => 1e-9 });
is(status($answer = named('b')), 403, 'a nano-dollar');
like(message($answer), qr/Max budget: 0.000000001. /, 'is exact');

put(team => b => { max_budget => 0.0001, temp_budget_increase => 1,
                   temp_budget_expiry => '2999-01-01' });
is(status(named('b')), 200, 'an increase for a while');

put(team => b => { max_budget => 0.0001, temp_budget_increase => 1,
                   temp_budget_expiry => '2020-01-01' });
is(status(named('b')), 403, 'which is over');

put(team => b => { max_budget => undef });
is(status(named('b')), 200, 'lifted by null');

put(budget => tier => { max_budget => 0, budget_duration => '30d' },
    team => b => { budget_id => 'tier' });
is(status($answer = named('b')), 403, 'the budget of a tier');
like(message($answer), qr/Team=b .*Max budget: 0. Resets/, 'is the team\'s');

put(budget => tier => { max_budget => 5, budget_duration => '30d' });
is(status(named('b')), 200, 'and changes with it');

put(team => b => { budget_id => 'tier', max_budget => 0 });
is(status(named('b')), 403, 'what the team has itself comes first');


# who is blocked

for my $who (['team', 'T', 'Team=T'], ['user', 'U', 'User=U'],
             ['customer', 'C', 'Customer=C'])
{
    my ($kind, $id, $shown) = @$who;

    my %headers = ($kind eq 'team' ? ()
                                   : (headers => ["X-\u$kind" => $id]));
    my $team = $kind eq 'team' ? $id : 'someone';

    put($kind => $id => { blocked => JSON::PP::true });

    $answer = chat($team, %headers);
    is(status($answer), 403, "$kind blocked");
    is(message($answer), "$shown is blocked.", 'it says');

    put($kind => $id => { blocked => JSON::PP::false });
    is(status(chat($team, %headers)), 200, 'and unblocked');
}

my $body = '{"model":"m","user":"C2","max_tokens":1,"messages":[]}';

put(customer => C2 => { blocked => JSON::PP::true });
is(status(chat('someone', body => $body)), 403, 'a customer of the body');

put(customer => C2 => { max_budget => 0 });
is(status($answer = chat('someone', body => $body)), 403, 'who has a budget');
like(message($answer), qr/Customer=C2 /, 'of his own');


# unknown teams

my %deny = (path => '/deny/v1/chat/completions');

is(status(chat('new', %deny)), 403, 'an unknown team');
put(team => new => { });
is(status(chat('new', %deny)), 200, 'is known when it was made');


# models

my $n = '{"model":"n","max_tokens":1,"messages":[]}';
my $x = '{"model":"x-1","max_tokens":1,"messages":[]}';

put(team => models => { models => ['cheap'] });
is(status($answer = chat('models'), chat('models', body => $n)), '403 200',
   'a group of nginx.conf');
is(message($answer), 'Model=m is not allowed for Team=models. Allowed: n.',
   'is shown as its models');

put(access_group => fine => { models => ['m', 'x-*'] },
    team => models => { models => ['fine'] });
is(status(chat('models'), chat('models', body => $n)), '200 403',
   'a group that was made');

put(access_group => fine => { models => ['n'] });
is(status(chat('models'), chat('models', body => $n)), '403 200',
   'and changed');

put(team => models => { models => [] });
is(status(chat('models'), chat('models', body => $n)), '200 200', 'all');

my %named = (path => '/named/v1/chat/completions');

is(status(chat('five', %named, body => $n)), 403, 'a configured list');
put(team => five => { models => ['n'] });
is(status(chat('five', %named, body => $n), chat('five', %named)), '200 403',
   'is replaced');
put(team => five => { models => undef });
is(status(chat('five', %named, body => $n)), 200, 'or lifted');

put(team => pairs => { model_rpm_limit => { m => 1 },
                       model_max_budget => {
                           n => { budget_limit => 0, time_period => '1d' } } });
is(status(chat('pairs'), $answer = chat('pairs')), '200 429',
   'a rate of a model');
like(message($answer), qr/Model=m in Team=pairs rpm=1/, 'is a pair\'s');
is(status($answer = chat('pairs', body => $n)), 403, 'a budget of a model');
like(message($answer), qr/Model=n in Team=pairs .* Max budget: 0/, 'likewise');


# members of teams

my @u1 = (headers => ['X-User' => 'u1']);
my @u2 = (headers => ['X-User' => 'u2']);

put(team => crew => { team_member_rpm_limit => 1 },
    team_member => "crew\0u2" => { max_budget_in_team => 0 });
is(status(chat('crew', @u1), $answer = chat('crew', @u1)), '200 429',
   'each member has the team\'s');
like(message($answer), qr/User=u1 in Team=crew rpm=1/, 'as he is');
is(status($answer = chat('crew', @u2)), 403, 'one has his own');
like(message($answer), qr/User=u2 in Team=crew .* Max budget: 0/, 'instead');


# keys

my %secret = map { $_ => "sk-made-$_" } qw(k old new late);
my %id = map { $_ => sha256_hex($secret{$_}) } keys %secret;

sub key
{
    my ($name, $path) = @_;

    $path //= '/keys';

    return chat('header', path => "$path/v1/chat/completions",
                headers => [Authorization => "Bearer $secret{$name}"]);
}


is(status(key('k')), 401, 'an unknown key');
put(key => $id{k} => { key_alias => 'my-key', team_id => 'kt', user_id => 'ku',
                       rpm_limit => 4 });
is(status(key('k')), 200, 'is known when it was made');

my $line = $t->line('kt');

is($line->{key_id}, $id{k}, 'its id');
is($line->{user_id}, 'ku', 'its user');
unlike(($upstream->requests)[-1]{raw} // '', qr/sk-made/, 'it is hidden');

put(key => $id{k} => { key_alias => 'my-key', blocked => JSON::PP::true });
is(status($answer = key('k'), key('k', '/optional')), '401 401', 'blocked');
is(message($answer), 'Key=my-key is blocked.', 'it says');

put(key => $id{k} => { key_alias => 'my-key', expires => '2020-01-01' });
is(status($answer = key('k')), 401, 'expired');
is(message($answer), 'Key=my-key has expired.', 'it says');

put(key => $id{k} => { key_alias => 'my-key', team_id => 'kt',
                       rpm_limit => 1 });
is(status($answer = key('k')), 429, 'a limit of its own');
like(message($answer), qr/Key=my-key rpm=1, used 1,/, 'by its name');

put(key => $id{k}, undef);
is(status(key('k'), key('k', '/optional')), '401 401',
   'deleted, it is no key of somebody else');

put(key => $id{old} => { team_id => 'rt', rpm_limit => 3 });
is(status(key('old')), 200, 'before it is replaced');

put(key => $id{new} => { team_id => 'rt', rpm_limit => 3,
                         counts_as => $id{old} },
    key => $id{old} => { replaced_by => $id{new}, expires => '2999-01-01' });
is(status(key('old'), key('new'), key('new')), '200 200 429',
   'both count as one in the time of grace');

put(key => $id{old} => { replaced_by => $id{new}, expires => '2020-01-01' });
is(status(key('old'), key('new')), '401 429', 'then only the new one');


# what the zone cannot take is told

put(team => wrong => { max_budget => -1 });
is(status(chat('wrong')), 200, 'a document that is wrong is not in effect');
$t->expect_log(qr/cannot take team "wrong" of the store: max_budget is /);


# every worker, a reload, a restart

put(team => every => { rpm_limit => 0 });
is(status(map { chat('every') } 1 .. 12), join(' ', (429) x 12),
   'every worker');

$t->reload;
is(status(chat('every'), key('old')), '429 401', 'after a reload');

put(team => every => { rpm_limit => 1000 },
    team => again => { rpm_limit => 0 });
is(status(chat('every')), 200, 'and it goes on');

$t->kill_worker(($t->workers)[0]);
is(status(chat('again')), 429, 'after a kill');

$t->quit;
$t->start;

is(status(map { chat('again') } 1 .. 8), join(' ', (429) x 8),
   'after a restart, from the first request on');
is(status(key('late'), chat('every')), '401 200', 'of all');

put(key => $id{late} => { team_id => 'kt' }, team => 'again', undef);
is(status(key('late'), chat('again')), '200 200', 'and it goes on');

$t->crash;
$t->start;
is(status(key('late'), chat('again'), chat('T')), '200 200 200',
   'what was deleted stays so');

$t->finish;

done_testing();
