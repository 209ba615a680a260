# The configurations of conf.example that let others say who asks: a service,
# a map, certificates, tokens.

use lib 't/lib';
use LLMExample;
use RawUpstream;

use Digest::SHA qw(hmac_sha256);
use JSON::PP ();
use MIME::Base64 qw(encode_base64 encode_base64url);

my $json = JSON::PP->new->canonical;
my $upstream = RawUpstream->start('*' => sub {
    return { json => $json->encode({
        model => 'gpt-4o-mini',
        usage => { prompt_tokens => 10, completion_tokens => 2 }
    }) };
});

my @chat = ('/v1/chat/completions', $json->encode({
    model => 'gpt-4o-mini', max_tokens => 1,
    messages => [{ role => 'user', content => 'Hi' }]
}));

# what a client says of itself, which counts for nothing
my @boast = ('X-Team' => 'research', 'X-User' => 'root');

my $t;


sub run
{
    my ($file, %options) = @_;

    my %files = ('prices.json' => example('prices.json'),
                 'openai-key.conf' => example('openai-key.conf.example'),
                 %{delete $options{files} // {}});

    return LLMExample->new(text => example($file), files => \%files,
                           providers => { 'api.openai.com' =>
                                          $upstream->port },
                           replace => { 'https://api.openai.com' =>
                                        'http://api.openai.com',
                                        %{delete $options{replace} // {}} },
                           %options)->start;
}


sub limit { return $_[0]{headers}{'x-ratelimit-limit-requests'} // '-' }


# Who has been charged, of all lines; what the provider was sent of it.

sub charged
{
    my ($n) = @_;

    wait_until { (() = $t->ledger($t->state_dir)) >= $n } "$n lines";

    return join ' ', map { "$_->{team_id}:$_->{user_id}" }
                     $t->ledger($t->state_dir);
}


sub reached
{
    my ($last) = reverse $upstream->requests;

    return $last->{headers}{authorization};
}


# auth-request.conf.  The service knows two tokens, and asks for both of the
# headers; the third token is of no team.

my %who = (one => ['product', 'ann'], two => ['research', 'ben'],
           three => ['', 'cat'], four => ['strangers', 'dan']);

my $service = RawUpstream->start('*' => sub {
    my ($request) = @_;

    my ($token) = ($request->{headers}{authorization} // '') =~ /^Bearer (.*)/;
    my $is = $who{$token // ''} or return { status => 401, json => '{}' };

    return { status => 204, headers => ['X-Team' => $is->[0],
                                        'X-User' => $is->[1]] };
});

$t = run('auth-request.conf',
         replace => { '127.0.0.1:9000' => '127.0.0.1:' . $service->port });

for (['one', 200, 60], ['two', 200, 200], ['three', 403, '-'],
     ['four', 403, '-'], ['five', 401, '-'])
{
    my ($token, $status, $rpm) = @$_;

    my $answer = $t->post(@chat, @boast, Authorization => "Bearer $token");

    is("$answer->{status} " . limit($answer), "$status $rpm",
       "auth-request: $token");
}

is(charged(2), 'product:ann research:ben', 'auth-request: who is charged');
is(reached(), 'Bearer YOUR-OPENAI-KEY', 'auth-request: by the key of nginx');
is(scalar $upstream->requests, 2, 'auth-request: and nobody else');

my ($question) = $service->requests;

is("$question->{method} $question->{path} "
   . "$question->{headers}{'x-original-uri'} [$question->{body}]",
   "GET /who $chat[0] []", 'auth-request: what the service is asked');

$service->stop;

is($t->post(@chat, Authorization => 'Bearer one')->{status}, 500,
   'auth-request: nobody passes without the service');
is($t->get('/who')->{status}, 404, 'auth-request: nobody else asks it');
is(charged(2), 'product:ann research:ben', 'auth-request: nor is charged');
$t->finish;


# map.conf

sub basic { return (Authorization => 'Basic ' . encode_base64("$_[0]", '')) }

$t = run('map.conf', files => { htpasswd => join '', map {
    "$_:{PLAIN}of-$_\n"
} qw(ann ci-1 eve) });

for (['ann:of-ann', 200, 200], ['ci-1:of-ci-1', 200, 20],
     ['eve:of-eve', 403, '-'], ['ann:other', 401, '-'])
{
    my ($user, $status, $rpm) = @$_;

    my $answer = $t->post(@chat, @boast, basic($user));

    is("$answer->{status} " . limit($answer), "$status $rpm", "map: $user");
}

is($t->post(@chat, @boast)->{status}, 401, 'map: nobody');
is(charged(2), 'research:ann build:ci-1', 'map: who is charged');
is(reached(), 'Bearer YOUR-OPENAI-KEY', 'map: by the key of nginx');
$t->finish;


# client-certs.conf

my $certificates = File::Temp->newdir('certs-XXXXXX', DIR => $LLMBase::run);


sub openssl
{
    system("openssl @_ 2> $certificates/log") == 0
        or die LLMBase::slurp("$certificates/log");
}


sub certificate
{
    my ($name, $subject, @options) = @_;

    openssl('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes',
            "-days 2 -keyout $certificates/$name.key",
            "-out $certificates/$name.pem -subj '$subject' @options");
}


sub signed
{
    my ($name, $subject, $ca) = @_;

    certificate($name, $subject, "-CA $certificates/$ca.pem",
                "-CAkey $certificates/$ca.key");
}


sub file { return LLMBase::slurp("$certificates/$_[0]") }

certificate('ca', '/CN=Clients');
certificate('other', '/CN=Clients');
certificate('server', '/CN=localhost', '-addext',
            'subjectAltName=DNS:localhost');

signed('web1', '/C=DE/O=product/CN=web1.example', 'ca');
signed('lab', '/CN=lab/O=research', 'ca');
signed('job', '/O=research/CN=job', 'ca');
signed('sly', '/CN=x,O=research', 'ca');
signed('long', '/O=research,too/CN=y', 'ca');
signed('forged', '/O=research/CN=z', 'other');

openssl("x509 -in $certificates/job.pem -noout -fingerprint -sha1",
        "> $certificates/fingerprint");

my $fingerprint = lc file('fingerprint') =~ s/.*=|[:\n]//gr;

$t = run('client-certs.conf',
         replace => { '0' x 39 . '1' => $fingerprint },
         files => { 'server.pem' => file('server.pem'),
                    'server.key' => file('server.key'),
                    'clients.pem' => file('ca.pem') });


# curl's client knows TLS

sub secure
{
    my ($name) = @_;

    my $own = $name ? "--cert $certificates/$name.pem "
                      . "--key $certificates/$name.key" : '';
    my $said = qx{curl -s -i --cacert $certificates/server.pem $own \\
                  --resolve localhost:${\$t->port}:127.0.0.1 \\
                  -H 'X-Team: research' -H 'Content-Type: application/json' \\
                  -d '$chat[1]' https://localhost:${\$t->port}$chat[0]};
    my ($status) = $said =~ m{^HTTP/1\.1 (\d+)};
    my ($rpm) = $said =~ /^x-ratelimit-limit-requests: (\d+)/m;

    return ($status // 0) . ' ' . ($rpm // '-');
}


for (['web1', '200 60'], ['lab', '200 200'], ['job', '200 20'],
     ['sly', '403 -'], ['long', '403 -'], ['forged', '400 -'], ['', '400 -'])
{
    my ($name, $is) = @$_;

    is(secure($name), $is, 'client-certs: ' . ($name || 'none'));
}

is(charged(3), 'product:web1.example research:lab build:job',
   'client-certs: who is charged');
is(reached(), 'Bearer YOUR-OPENAI-KEY', 'client-certs: by the key of nginx');
$t->finish;


# jwt.conf, with the module that Debian has for its nginx, and for no other

my $js = '/usr/lib/nginx/modules/ngx_http_js_module.so';
my ($wrong) = LLMTest->new->check(main => "load_module $js;");

if ($wrong) {
    diag("jwt.conf: not tried, this nginx does not take $js");
    done_testing();
    exit;
}

my $secret = 'what-signs-the-tokens';
my $later = time + 3600;


sub token
{
    my ($payload, %header) = @_;

    my $key = delete $header{key} // $secret;
    my $signed = join '.', map { encode_base64url($json->encode($_)) }
                           { alg => 'HS256', %header }, $payload;

    return "$signed." . encode_base64url(hmac_sha256($signed, $key));
}


my $alice = token({ team => 'research', sub => 'alice', exp => $later });
my ($head, $body, $signature) = split /\./, $alice;
my $empty = encode_base64url('{}');

$t = run('jwt.conf',
         replace => { 'modules/ngx_http_js_module.so' => $js },
         files => { 'jwt.js' => example('jwt.js'),
                    'jwt-key.json' => qq({"hs256": "$secret"}) });

for (['alice', $alice, 200, 200],
     ['bob', token({ team => 'red', sub => 'bob', exp => $later }), 200, 60],
     ['without a user', token({ team => 'red', exp => $later }), 200, 60],
     ['another key', token({ team => 'a', exp => $later }, key => 'b'), 401],
     ['out of date', token({ team => 'a', exp => time - 1 }), 401],
     ['without an end', token({ team => 'a' }), 401],
     ['without a team', token({ sub => 'alice', exp => $later }), 401],
     ['a team that is none', token({ team => ['a'], exp => $later }), 401],
     ['another algorithm', token({ team => 'a', exp => $later },
                                 alg => 'none'), 401],
     ['another payload', join('.', $head, encode_base64url('{"team":"a"}'),
                              $signature), 401],
     ['without a signature', "$head.$body.", 401],
     ['half a signature', "$head.$body." . substr($signature, 0, 20), 401],
     ['what is no JSON', do {
         my $signed = "$empty." . encode_base64url('no');
         "$signed." . encode_base64url(hmac_sha256($signed, $secret));
     }, 401],
     ['what is no token', 'sk-alice', 401])
{
    my ($name, $token, $status, $rpm) = @$_;

    my $answer = $t->post(@chat, @boast, Authorization => "Bearer $token");

    is("$answer->{status} " . limit($answer), "$status " . ($rpm // '-'),
       "jwt: $name");
}

is($t->post(@chat, @boast)->{status}, 401, 'jwt: nobody');
is(charged(3), 'research:alice red:bob red:', 'jwt: who is charged');
is(reached(), 'Bearer YOUR-OPENAI-KEY', 'jwt: by the key of nginx');
$t->finish;

done_testing();
