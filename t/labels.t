# llm_label: what a request is said to be of, in its line and in the daily
# usage.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMGateway->new(
    upstream => $upstream, workers => 2,
    zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=50ms',
    http => <<'EOF',
    llm_label app $http_x_app;
    llm_label type $http_x_kind;
    llm_label place "$http_x_place";
    llm_label via $sent_http_content_type;
EOF
);


sub labels { return $json->encode($_[0]{labels}) }


sub daily
{
    my ($team) = @_;

    return $t->sql("SELECT labels || ' ' || requests FROM usage
                    WHERE team = '$team' ORDER BY labels");
}


$t->start;

$t->chat('none');
is(labels($t->line('none')), '{}', 'nothing is said');

$t->chat('one', headers => ['X-App' => 'web']);
is(labels($t->line('one')), '{"app":"web"}',
   'one; what has no value yet is left out');

$t->chat('type', headers => ['X-Kind' => 'batch', 'X-App' => '']);
is(labels($t->line('type')), '{"type":"batch"}', 'a label named type');

my $hostile = "\"},{\"type\":\"usage\",\\\x01\xff";

$t->chat('hostile', headers => ['X-App' => $hostile =~ tr/\x01//dr]);
is(labels($t->line('hostile')),
   $json->encode({ app => "\"},{\"type\":\"usage\",\\\x{fffd}" }),
   'hostile text');

my ($raw) = grep { /"team_id":"hostile"/ } $t->raw_lines;

is(() = $raw =~ /\{"type":"/g, 1, 'in which no line begins');

my $long = "\xc3\xa4" x 200;

$t->chat('long', headers => ['X-Place' => $long, 'X-App' => 'a' . $long]);
is(labels($t->line('long')),
   $json->encode({ place => "\xe4" x 128, app => 'a' . "\xe4" x 127 }),
   'long text is cut between characters');

$t->chat('invalid', headers => ['X-App' => "\xff" x 300]);
$t->line('invalid');


# The store.

$t->chat('sum', headers => ['X-App' => $_]) for qw(web web cli);
$t->chat('sum');

wait_until { (daily('sum') // '') =~ / 2$/ && (() = daily('sum') =~ /\n/g) == 2 }
           'the daily usage';
is(daily('sum'), qq( 1\n{"app":"cli"} 1\n{"app":"web"} 2),
   'the daily usage, by labels');
is(daily('type'), '{"type":"batch"} 1', 'of a label named type');

wait_until { $t->stored('invalid') ne '0 0 0' } 'the invalid one is carried';
is($t->sql("SELECT length(json_extract(labels, '\$.app')) FROM usage
            WHERE team = 'invalid'"), 85,
   'replaced characters are longer, and cut again');
$t->finish;


# A zone without a ledger has no use for them.

$t = LLMGateway->new(
    upstream => $upstream, zone => 'zone=main:1m',
    http => 'llm_label app $http_x_app;',
);

$t->start;
is($t->chat('none', headers => ['X-App' => 'web'])->{status}, 200,
   'no ledger');
$t->finish;

done_testing();
