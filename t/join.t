
# Whom a limit comes to bear on has everything that he used in its meter: what
# he had in flight, what just got its line, and what he asks for where no row
# bears on him.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my $upstream = RawUpstream->start(
    '/slow/v1/chat/completions' => { json => usage(10, 5), hold => 'slow' },
    '*' => { json => usage(10, 5) }
);

my $places = <<'EOF';
        llm_user $http_x_user;

        location /users/ {
            llm_user_limit default requests=100/month tokens=10k/month;
            proxy_pass http://provider/;
        }

        location /requests/ {
            llm_user_limit default requests=0/month;
            proxy_pass http://provider/;
        }

        location /tokens/ {
            llm_user_limit default tokens=0/month;
            proxy_pass http://provider/;
        }

        location /flying/ {
            llm_user_limit default parallel=0;
            proxy_pass http://provider/;
        }
EOF

my $t = LLMGateway->new(workers => 2, upstream => $upstream,
                        server => $places);


sub chat
{
    my ($user, $place) = @_;

    my $answer = $t->chat($user, path => "$place/v1/chat/completions",
                          headers => ['X-User' => $user]);

    return $answer->{status};
}


# What the zone has of a user: of requests and tokens what is settled, and what
# is in flight.  Such questions are refused, and change nothing.

sub used
{
    my ($user) = @_;

    return join ' ', map {
        $t->chat($user, path => "/$_/v1/chat/completions",
                 headers => ['X-User' => $user])->{body}
            =~ /, used (\d+)/ ? $1 : '-'
    } qw(requests tokens flying);
}


# No row bears on him here, there one does

$t->start;

is(chat('a', ''), 200, 'where no row bears on him');
is(chat('a', '/users'), 200, 'where one does');
is(used('a'), '2 30 0', 'both count');
is(chat('a', ''), 200, 'again where none does');
is(used('a'), '3 45 0', 'it counts, too');

is(chat('b', '/users'), 200, 'another');
is(used('b'), '1 15 0', 'has his own');

# What is in flight when he comes to such a place

my $slow = $t->ask('c', path => '/slow/v1/chat/completions',
                   headers => ['X-User' => 'c']);

wait_until { $upstream->waiting('slow') == 1 } 'it to be asked';

is(chat('c', '/users'), 200, 'one who has something in flight');
like(used('c'), qr/^2 \d+ 1$/, 'it counts while it is');
$upstream->release('slow');
is($slow->answer->{status}, 200, 'it ends');
undef $slow;
is(used('c'), '2 30 0', 'and what it used');

$t->finish;


# A new configuration

$t = LLMGateway->new(workers => 2, upstream => $upstream,
                     server => '        llm_user $http_x_user;');
$t->start;

$slow = $t->ask('d', path => '/slow/v1/chat/completions',
                headers => ['X-User' => 'd']);
wait_until { $upstream->waiting('slow') == 1 } 'it to be asked';
is(chat('d', ''), 200, 'before');

$t->reload(server => $places, keep_old => 1);
$t->wait_log(qr/(?:gracefully shutting down.*){2}/s);

is(chat('d', '/users'), 200, 'a new limit');
like(used('d'), qr/^3 \d+ 1$/, 'has what was before, and what is in flight');
$upstream->release('slow');
is($slow->answer->{status}, 200, 'the old worker ends it');
undef $slow;
is(used('d'), '3 45 0', 'which counts');
wait_until { $t->lines('d') == 3 } 'the lines';

$t->finish;

done_testing();
