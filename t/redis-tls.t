# TLS to Redis: only with a certificate that is for the host, and from whom
# the configuration trusts.

use lib 't/lib';
use IO::Socket::INET;
use LLMTest;
use RedisServer;

my $dir = "$LLMBase::run/certs";

mkdir $dir;


# openssl ARGUMENT..., in the folder of the certificates

sub openssl
{
    my $said = do {
        open my $fh, '-|', 'sh', '-c', 'cd "$0" && exec openssl "$@" 2>&1',
                           $dir, @_ or die "openssl: $!\n";
        local $/;
        <$fh>;
    };

    die "openssl @_: $said\n" if $?;
}


# A certificate for these names by an authority of ours.

sub certificate
{
    my ($name, $ca, $names) = @_;

    LLMBase::spew("$dir/$name.ext", "subjectAltName=$names\n");

    openssl(qw(req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes),
            '-keyout', "$name.key", '-out', "$name.csr", '-subj', "/CN=$name");
    openssl(qw(x509 -req -days 2 -CAcreateserial), '-in', "$name.csr",
            '-CA', "$ca.pem", '-CAkey', "$ca.key", '-extfile', "$name.ext",
            '-out', "$name.pem");
}


for my $ca (qw(ours theirs)) {
    openssl(qw(req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1),
            qw(-nodes -days 2 -keyout), "$ca.key", '-out', "$ca.pem",
            '-subj', "/CN=$ca");
}

certificate('good', 'ours', 'IP:127.0.0.1,DNS:localhost');
certificate('foreign', 'theirs', 'IP:127.0.0.1,DNS:localhost');
certificate('elsewhere', 'ours', 'IP:127.0.0.2,DNS:redis.example.com');

chmod 0644, glob "$dir/*";


sub server
{
    my ($name, %options) = @_;

    return RedisServer->start(
        'tls-port' => LLMBase::free_port(), 'tls-auth-clients' => 'no',
        'tls-cert-file' => "$dir/$name.pem", 'tls-key-file' => "$dir/$name.key",
        'tls-ca-cert-file' => "$dir/ours.pem", %options
    );
}


sub clients
{
    my ($redis, $t) = @_;

    wait_until { $t->log =~ / is connected$/m } 'a connection';

    return ($redis->clients)[0];
}


my $good = server('good');
my $ours = "ca=$dir/ours.pem timeout=5s";

my $t = $good->nginx("rediss://127.0.0.1:%%REDIS%% $ours")->start;

is(clients($good, $t)->{name}, 'llm_quota:main', 'a certificate for an IP');

$good->cli('CLIENT', 'KILL', 'TYPE', 'normal');
wait_until { (() = $t->log =~ / is connected$/mg) == 2 } 'it to come back';
$t->reload;
wait_until { (() = $t->log =~ / is connected$/mg) == 3 } 'a reload';
$t->finish;

$t = $good->nginx("rediss://localhost:%%REDIS%% $ours")->start;
is(clients($good, $t)->{name}, 'llm_quota:main', 'and for a name');
$t->finish;


# A password is not sent to somebody else.

my $password = "$LLMBase::run/password";

LLMBase::spew($password, "secret\n");

my %refused = (
    'by an unknown authority' => [
        'foreign', "rediss://127.0.0.1:%%REDIS%% $ours",
        qr/has a certificate that is refused \(\d+: .*\): correct it, or "ca="/
    ],
    'by one the system does not know' => [
        'good', 'rediss://127.0.0.1:%%REDIS%% timeout=5s',
        qr/has a certificate that is refused \(\d+: .*\): correct it, or "ca="/
    ],
    'for another address' => [
        'elsewhere', "rediss://127.0.0.1:%%REDIS%% $ours",
        qr/has a certificate that is refused \(64: IP address mismatch\)/
    ],
    'for another name' => [
        'elsewhere', "rediss://localhost:%%REDIS%% $ours",
        qr/has a certificate that is refused \(62: hostname mismatch\)/i
    ],
);

for my $why (sort keys %refused) {
    my ($name, $parameters, $pattern) = @{$refused{$why}};
    my $redis = server($name, requirepass => 'secret');

    $t = $redis->nginx("$parameters password_file=$password")->start;
    $t->wait_log($pattern);
    like($t->log, $pattern, "a certificate $why");
    unlike($t->log, qr/is connected/, 'is refused');
    is($redis->cli('INFO', 'commandstats') =~ /cmdstat_auth:calls=(\d+)/ && $1,
       1, 'before anything is said');
    $t->finish;
    $redis->crash;
}


# Who speaks no TLS, and who is spoken to without it.

my $plain = RedisServer->start;

$t = $plain->nginx("rediss://127.0.0.1:%%REDIS%% $ours")->start;
$t->wait_log(qr/does not agree on TLS: name its port for TLS|
                closed\ the\ connection|did\ not\ answer/x);
unlike($t->log, qr/is connected/, 'no TLS there');
$t->finish;

$t = $good->nginx('redis://127.0.0.1:%%REDIS%% timeout=5s')->start;
$t->wait_log(qr/ closed the connection;|did not answer/);
unlike($t->log, qr/is connected/, 'no TLS here');
$t->finish;


# One that takes the connection and says nothing.

my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 8)
    or die "listen: $!\n";

$t = $good->nginx('rediss://127.0.0.1:' . $silent->sockport
                  . " ca=$dir/ours.pem timeout=200ms")->start;
$t->wait_log(qr/did not answer within 200ms/);
$t->reload;
$t->finish;

done_testing();
