# Limits of nginx.conf in the audit: what a start or a reload has changed, by
# whom it was changed, a file and a line, and nothing where nothing was.

use lib 't/lib';
use LLMApi;
use RawUpstream;

use Digest::SHA qw(sha256_hex);

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });
my $secret = sha256_hex('secret');

my $t = LLMApi->new(
    upstream => $upstream,
    zone => 'zone=main:4m state=%%DIR%%/tmp/state',
    http => "llm_key one sha256=$secret rpm=10;",
    server => <<'EOC',
        llm_team_limit red rpm=30 budget=100/month;
        llm_global_limit rpm=5000;
        llm_team_user_limit red ann rpm=7;
EOC
);

my $server = $t->{server};
my $http = $t->{http};


# When the store has what is configured now: it was read later than before.

my $read = 0;

sub recorded
{
    my $now;

    LLMTest::wait_until {
        $now = $t->sql('SELECT time FROM configuration');
        defined $now && $now =~ /\d/ && $now > $read;
    } 'the configuration to be recorded', 10;

    $read = $now;
}


sub reload
{
    my (%options) = @_;

    $t->configure(%options);
    $t->reload;
    recorded();
}


# "action kind id before -> after", oldest first, of what was not shown yet.

my $shown = 0;

sub texts
{
    my ($doc) = @_;

    return 'none' if !$doc;
    return join ' | ', @{$doc->{limits}};
}


sub changes
{
    my $rows = $t->api(GET => '/audit?limit=1000')->{audit};
    my @new = grep { $_->{number} > $shown } reverse @$rows;

    $shown = $new[-1]{number} if @new;

    return @new;
}


sub words
{
    return join "\n", map {
        join ' ', "$_->{changed_by}:", $_->{action}, $_->{kind},
             $_->{id} =~ s/\0/+/r, texts($_->{before}), '->',
             texts($_->{after})
    } changes();
}


sub file_line
{
    my ($text) = @_;

    my $file = $t->dir . '/conf/nginx.conf';
    my $n = 0;

    for (split /\n/, LLMBase::slurp($file)) {
        $n++;
        return "$file:$n" if index($_, $text) >= 0;
    }

    return 'none';
}


# the first configuration is where it begins

$t->start;
recorded();
is(words(), '', 'the first limits are no change');
is($t->sql('SELECT count(*) FROM configured'), 4, 'but recorded');

reload();
is(words(), '', 'nor are the same ones');

my $place = $t->sql("SELECT place FROM configured WHERE id = 'red'");
reload(server => "\n\n$server");
is(words(), '', 'nor are others in other lines');
isnt($t->sql("SELECT place FROM configured WHERE id = 'red'"), $place,
     '... which are recorded');


# what is changed, and where

reload(server => $server =~ s/rpm=30/rpm=40/r);

my @rows = changes();

is(@rows, 1, 'one limit is changed');
is_deeply([@{$rows[0]}{qw(changed_by action kind id version address)}],
          ['nginx.conf', 'llm_team_limit', 'team', 'red', 0,
           file_line('llm_team_limit red')], '... by whom, what, where');
is_deeply($rows[0]{before}, { limits => ['rpm=30 budget=100/month'] },
          '... from what');
is_deeply($rows[0]{after}, { limits => ['rpm=40 budget=100/month'] },
          '... to what');

is(@{$t->api(GET => '/audit?kind=team&id=red')->{audit}}, 1,
   'it is among what concerns the team');


# made, taken away

my $last = file_line('llm_global_limit');

reload(server => <<'EOC');
        llm_team_limit red rpm=40 budget=100/month;
        llm_team_user_limit red ann rpm=7 tpm=1k;
        llm_team_model_limit default m "rpm=3";
EOC

@rows = changes();
is_deeply([sort map { join ' ', @$_{qw(action id)} } @rows],
          ['llm_global_limit global', "llm_team_model_limit default\0m",
           "llm_team_user_limit red\0ann"], 'three at once');

my %of = map { $_->{action} => $_ } @rows;

is(texts($of{llm_team_model_limit}{after}), 'rpm=3', 'one is made');
is($of{llm_team_model_limit}{before}, undef, '... which was not there');
is($of{llm_global_limit}{after}, undef, 'one is gone');
is($of{llm_global_limit}{address}, $last, '... which was there');
is(texts($of{llm_team_user_limit}{after}), 'rpm=7 tpm=1k', 'one is more');


# keys

reload(http => $http =~ s/rpm=10/rpm=11 team=red/r);
is(words(), '', 'a key that is asked for nowhere limits nobody');

reload(server => "$server llm_keys optional;");
words();
reload(http => $http);
is(words(), "nginx.conf: llm_key key one sha256=$secret rpm=11 team=red -> "
            . "sha256=$secret rpm=10", 'a key');


# several places

reload(server => "$server llm_keys optional;" . <<'EOC');
        location /a/ {
            llm_team_limit red rpm=2;
            proxy_pass http://provider;
        }
        location /b/ {
            llm_team_limit red rpm=1;
            llm_team_limit blue "soft=70%" budget=1;
            proxy_pass http://provider;
        }
        location /c/ {
            llm_team_limit red rpm=2;
            proxy_pass http://provider;
        }
EOC
@rows = changes();
is(join(' / ', map { "$_->{id}: " . texts($_->{after}) }
               sort { $a->{id} cmp $b->{id} } @rows),
   'blue: soft=70% budget=1 / '
   . 'red: rpm=1 | rpm=2 | rpm=30 budget=100/month', 'each text once');
is(() = ($rows[-1]{address} . $rows[0]{address}) =~ /nginx\.conf:\d+/g, 5,
   '... and every place');


# what reads the audit for entities goes on beside them

is($t->api(POST => '/team/new', { team_id => 'made', rpm_limit => 1 })
     ->{team_id}, 'made', 'a team is made');
changes();


# a worker that dies, a restart, two masters

reload(server => "$server llm_keys optional;");
is(words() =~ tr/\n//, 1, 'two changes');

$t->kill_worker($_) for $t->workers;
$t->chat('red');
is(words(), '', 'a worker that comes anew writes nothing');

$t->stop;
$t->configure(server => $server =~ s/rpm=30/rpm=35/r);
$t->start;
recorded();
like(words(), qr/^nginx\.conf: llm_team_limit .* rpm=35 .*\nnginx\.conf: llm_key .* none$/,
     'after a restart');

$t->stop;
$t->start;
recorded();
is(words(), '', 'after one with the same');
is($t->chat('made')->{status}, 200, 'the team is there');
is($t->chat('made')->{status}, 429, '... and limited');

done_testing();
