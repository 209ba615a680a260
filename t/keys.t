# Virtual keys: where they stand, whose they are, what they may, and that
# neither an upstream nor a log sees them.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $path = '/v1/chat/completions';
my $body = '{"model":"m","max_tokens":1,"messages":[]}';

# each has a text of its own, by which it would be found
my %key = map { $_ => "sk-virtual-$_" } qw(ci alice plain old soon slow poor
                                           late);
my %id = map { $_ => sha256_hex($key{$_}) } keys %key;

my $t = LLMGateway->new(
    upstream => $upstream,
    vars => { H2 => LLMBase::free_port() },
    http => <<"EOF",
    llm_key ci sha256=$id{ci} team=marketing;
    llm_key alice sha256=\U$id{alice}\E team=research user=alice;
    llm_key plain sha256=$id{plain};
    llm_key old sha256=$id{old} team=marketing expires=2020-01-01;
    llm_key soon sha256=$id{soon} team=marketing
            expires=9999-12-31T23:59:59Z;
    llm_key slow sha256=$id{slow} team=marketing rpm=1;
    llm_key poor sha256=$id{poor} team=marketing budget=0;
    llm_key late sha256=$id{late} team=late;

    log_format keys '\$status|\$llm_result|\$llm_team|\$llm_user|\$llm_key_id|'
                    '\$llm_limit|\$llm_request';

    map \$http_authorization \$early {
        default "";
        ~(?<token>virtual-ci) \$token;
    }

    server {
        listen 127.0.0.1:%%H2%% http2;
        access_log %%DIR%%/logs/keys.log keys;

        llm_quota main;
        llm_keys required;

        location / {
            proxy_pass http://provider;
        }
    }
EOF
    server => <<'EOF',
        access_log %%DIR%%/logs/keys.log keys;
        access_log %%DIR%%/logs/llm.log llm;
        llm_keys required;
        llm_user $http_x_user;

        location /optional/ {
            llm_keys optional;
            proxy_pass http://provider/;
        }

        location /off/ {
            llm_keys off;
            proxy_pass http://provider/;
        }

        location /dry/ {
            llm_dry_run on;
            proxy_pass http://provider/;
        }

        location /gemini/ {
            set $args "$args&key=of-the-provider";
            proxy_pass http://provider/;
        }

        location /variables/ {
            set $before $http_authorization$request_uri$request;
            proxy_set_header X-Seen
                "$http_authorization|$http_x_api_key|$request_uri|$request|$args";
            proxy_pass http://provider$request_uri;
        }

        location /page/ {
            error_page 401 = @other;
            proxy_pass http://provider/;
        }

        location @other {
            llm_keys off;
            proxy_pass http://provider$uri$is_args$args;
        }

        location /fallback/ {
            llm_key_limit default rpm=0;
            error_page 429 = @small;
            proxy_pass http://provider/;
        }

        location @small {
            llm_key_limit default rpm=1000;
            proxy_pass http://provider;
        }

        location /moved/ {
            try_files /nothing /moved-here$is_args$args;
        }

        location /moved-here {
            proxy_pass http://provider;
        }

        location /mirrored/ {
            mirror /mirror;
            proxy_pass http://provider/;
        }

        location = /mirror {
            internal;
            proxy_pass http://provider;
        }

        location /default/ {
            llm_key_limit default rpm=1;
            proxy_pass http://provider/;
        }

        location /spent/ {
            llm_key_limit default budget=0.00001/month;
            proxy_pass http://provider/;
        }

        location /named/ {
            llm_key_limit default rpm=0;
            llm_key_limit slow rpm=1000;
            llm_key_limit LATE_ID rpm=1000;
            proxy_pass http://provider/;
        }

        location /fresh/ {
            deny all;
        }

        location /known-teams/ {
            llm_unknown_team deny;
            proxy_pass http://provider/;
        }
EOF
);

$t->{server} =~ s/LATE_ID/$id{late}/;
$t->start;


sub bearer { return (Authorization => "Bearer $key{$_[0]}") }


# A request with these headers: status, and what the provider got of it, if it
# did.

my $asked = 0;

sub try
{
    my ($path, @headers) = @_;

    my $answer = $t->post($path, $body, 'X-Ask' => ++$asked, @headers);

    ($answer->{asked}) = grep {
        ($_->{headers}{'x-ask'} // '') eq $asked
            && ($_->{headers}{'x-mirror'} // '') eq ''
    } $upstream->requests;

    return $answer;
}


sub error
{
    return JSON::PP->new->decode($_[0]{body})->{error};
}


# the last line that the log of keys has of the request just made

sub logged
{
    my $lines = $_[0];

    return wait_until {
        my @lines = split /\n/, LLMBase::slurp($t->dir . '/logs/keys.log');

        @lines >= $asked ? $lines[-1] : undef;
    } 'a line in the log of keys';
}


# Where a key stands.

for (
    ['Authorization: Bearer', '', bearer('alice')],
    ['a scheme in small letters', '', Authorization => "bearer $key{alice}"],
    ['more blanks', '', Authorization => "Bearer \t  $key{alice}"],
    ['x-api-key', '', 'x-api-key' => $key{alice}],
    ['api-key', '', 'API-Key' => $key{alice}],
    ['x-goog-api-key', '', 'x-goog-api-key' => $key{alice}],
    ['key=', "?key=$key{alice}"],
    ['key= among others', "?a=1&key=$key{alice}&b=2"],
    ['key= at the end', "?a=1&key=$key{alice}"],
    ['an escaped key=', '?k%65y=sk%2Dvirtual%2Dalice&a=1'],
    ['key= before a fragment', "?key=$key{alice}#x"],
    ['two places', "?key=$key{alice}", bearer('alice'),
     'x-api-key' => $key{alice}],
    ['the same header twice', '', 'x-api-key' => $key{alice},
     'x-api-key' => $key{alice}],
    ['beside an empty one', '?key=', Authorization => 'Bearer ',
     'x-api-key' => $key{alice}],
    ['beside a password', '', Authorization => 'Basic YTpi',
     'x-api-key' => $key{alice}],
) {
    my ($name, $args, @headers) = @$_;
    my $answer = try("$path$args", @headers);

    is($answer->{status}, 200, "$name: it passes");
    unlike($answer->{asked}{head}, qr/alice/i,
           'the upstream does not get it');
    is(logged() =~ s/POST .*//r, "200|passed|research|alice|$id{alice}||",
       'the log names its team, user and id');
}

my %args = (
    "?key=$key{alice}" => '', "?a=1&key=$key{alice}&b=2" => '?a=1&b=2',
    "?key=$key{alice}&a=1" => '?a=1', "?key=$key{alice}&key=$key{alice}" => '',
    "?&key=$key{alice}&" => '?&', "?key&monkey=1&key=$key{alice}&keys=2" =>
    '?key&monkey=1&keys=2',
);

for my $args (sort keys %args) {
    my $answer = try("$path$args");

    is($answer->{asked}{path}, "$path$args{$args}", "$args: all else stays");
    like(logged(), qr/\|POST \Q$path$args{$args}\E HTTP/, 'in the log, too');
}

{
    my $answer = try("/off$path?key=x&a=1", 'x-api-key' => 'y');

    is($answer->{asked}{path}, "$path?key=x&a=1", 'off: nothing is looked at');
    is($answer->{asked}{headers}{'x-api-key'}, 'y', 'nor taken out');
    like(logged(), qr/key=x/, 'and the log has the line as it came');
}

# headers besides stay, each of them

{
    my @many = map { ("X-Other-$_" => "value-$_") } 1 .. 50;
    my $answer = try($path, @many[0 .. 49], bearer('ci'), @many[50 .. 99]);

    is(join(',', $answer->{asked}{head} =~ /^X-Other-\d+: value-(\d+)/mg),
       join(',', 1 .. 50), 'all other headers reach the upstream, in order');
}


# No key, one that nobody knows, several.

for (
    ['none', 401, 'The request has no API key.'],
    ['a password only', 401, 'The request has no API key.',
     Authorization => 'Basic YTpi'],
    ['an unknown one', 401, 'The API key is not known here.',
     Authorization => 'Bearer sk-virtual-unknown'],
    ['an expired one', 401, 'Key=old has expired.', bearer('old')],
    ['two of ours', 400, 'The request has different API keys in several '
     . 'places.', bearer('ci'), 'x-api-key' => $key{alice}],
    ['one of ours, one of others', 400, 'The request has different API keys '
     . 'in several places.', bearer('ci'), 'x-api-key' => 'sk-virtual-other'],
    ['two of others', 400, 'The request has different API keys in several '
     . 'places.', 'x-goog-api-key' => 'o', 'x-api-key' => 'sk-virtual-other'],
) {
    my ($name, $status, $message, @headers) = @$_;
    my $answer = try($path, @headers);

    is($answer->{status}, $status, "$name: $status");
    is(error($answer)->{message}, $message, 'with a reason');
    is($answer->{asked}, undef, 'the upstream is not asked');
}

{
    my $answer = try("$path?key=sk-virtual-unknown");

    is($answer->{status}, 401, 'an unknown one in the query');
    unlike(logged(), qr/unknown/, 'is not logged');
}

{
    my $answer = try($path);

    is(logged(), "401|key_denied|||||POST $path HTTP/1.1",
       'key_denied is the result');
    is_deeply(error($answer), {
        message => 'The request has no API key.',
        type => 'authentication_error', param => undef,
        code => 'invalid_api_key'
    }, "in OpenAI's form");

    $answer = try('/v1/messages');
    is(error($answer)->{type}, 'authentication_error', "in Anthropic's");

    $answer = try('/v1beta/models/g:generateContent');
    is(error($answer)->{status}, 'UNAUTHENTICATED', "in Gemini's");
    is(error($answer)->{code}, 401, 'with the status');
}

is(try($path, bearer('soon'))->{status}, 200,
   'a key passes until it expires');


# Optional: what is not ours passes as it is, what is or was must be valid.

{
    my @theirs = (Authorization => 'Bearer theirs', 'x-api-key' => 'other',
                  'X-Team' => 'header', 'X-User' => 'u');
    my $answer = try("/optional$path?key=third&a=1", @theirs);

    is($answer->{status}, 200, 'optional: credentials of others pass');
    is($answer->{asked}{path}, "$path?key=third&a=1", 'the query as it is');
    is($answer->{asked}{headers}{authorization}, 'Bearer theirs',
       'and the headers');
    is($answer->{asked}{headers}{'x-api-key'}, 'other', 'all of them');
    is(logged(), "200|passed|header|u|||POST /optional$path?a=1 HTTP/1.1",
       'the directives say who pays, and the log has no key of anybody');

    $answer = try("/optional$path", @theirs[2 .. 5]);
    is($answer->{status}, 200, 'none passes, too');

    $answer = try("/optional$path", bearer('alice'), @theirs[4 .. 7]);
    is($answer->{status}, 200, 'one of ours passes');
    like(logged(), qr/^200\|passed\|research\|alice\|$id{alice}\|/,
         'and says who pays');
    is($answer->{asked}{headers}{authorization}, undef, 'and is taken out');

    $answer = try("/optional$path", bearer('old'));
    is($answer->{status}, 401, 'an expired one of ours is refused');

    $answer = try("/optional$path?key=theirs", bearer('ci'));
    is($answer->{status}, 400, 'one of ours beside one of others is refused');
}


# Whose requests they are.

for (
    ['team and user of the key', 'alice', 'research|alice'],
    ['a key without a user has none', 'ci', 'marketing|'],
    ['a key without a team is anonymous', 'plain', 'anonymous|'],
) {
    my ($name, $key, $who) = @$_;

    try($path, bearer($key), 'X-Team' => 'header', 'X-User' => 'header');
    is(logged(), "200|passed|$who|$id{$key}||POST $path HTTP/1.1", $name);
}

is(try("/known-teams$path", bearer('alice'))->{status}, 403,
   "a key's team must be known where teams must be");

{
    my $line;

    try($path, bearer('late'));
    wait_until { ($line) = $t->lines('late') } 'the line of a key';
    is($line->{key_id}, $id{late}, "the ledger has the key's id");
}


# Limits of keys.

for (
    ['its own', $path, 'slow', 429, 'Rate limit exceeded, try again later. '
     . 'Key=slow rpm=1, used 1, retry in ', 'key:slow rpm=1'],
    ['the default', "/default$path", 'plain', 429, 'Rate limit exceeded, try '
     . 'again later. Key=plain rpm=1, used ', 'key:plain rpm=1'],
    ['a budget', $path, 'poor', 403, 'Budget has been exceeded! Key=poor '
     . 'Current cost: 0, Max budget: 0.', 'key:poor budget=0'],
    ['its own, not the default', "/default$path", 'poor', 403, 'Budget has '
     . 'been exceeded! Key=poor', 'key:poor budget=0'],
) {
    my ($name, $path, $key, $status, $message, $limit) = @$_;

    try($path, bearer($key));

    my $answer = try($path, bearer($key));

    is($answer->{status}, $status, "$name: $status");
    like(error($answer)->{message}, qr/^\Q$message\E/, 'with its name');
    like(logged(), qr/\|\Q$limit\E\|/, 'also in $llm_limit');
}

like(error(try("/spent$path", bearer('alice')))->{message},
     qr/^Budget has been exceeded! Key=alice Current cost: 0\.00\d+, /,
     'what a key used before it had a limit counts');

is(try("/named$path", bearer('slow'))->{status}, 200,
   "a row of the alias replaces the key's own limits");
is(try("/named$path", bearer('late'))->{status}, 200, 'so does one of the id');
is(try("/named$path", bearer('ci'))->{status}, 429,
   'others have the default row');


# Free routes want a key, OPTIONS does not.

is($t->get('/v1/models')->{status}, 401, 'a free route without a key');
$asked++;
is($t->get('/v1/models', bearer('ci'))->{status}, 204, 'and with one');

{
    my $answer = $t->request('OPTIONS', "$path?key=theirs", undef,
                             'X-Ask' => 'options');

    is($answer->{status}, 200, 'OPTIONS passes without one');

    $answer = $t->request('OPTIONS', "$path?key=$key{ci}&a=1", undef,
                          'X-Ask' => 'ours', 'x-api-key' => $key{alice});
    is($answer->{status}, 200, 'and with what would be refused');

    my %asked = map { ($_->{headers}{'x-ask'} // '', $_) } $upstream->requests;

    is($asked{options}{path}, "$path?key=theirs", 'it passes as it is');
    is($asked{ours}{path}, "$path?a=1", 'but for keys of ours');
    is($asked{ours}{headers}{'x-api-key'}, undef, 'wherever they stand');
    $asked += 3;
}


# A dry run denies nobody, and keeps nothing from the provider but our keys.

for (
    ['no key', 'key_denied_dry_run|anonymous', undef],
    ['an unknown one', 'key_denied_dry_run|anonymous', 'Bearer other',
     Authorization => 'Bearer other'],
    ['an expired one', 'key_denied_dry_run|marketing', undef, bearer('old')],
    ['different ones', 'bad_request_dry_run|anonymous', undef, bearer('ci'),
     'x-api-key' => 'other'],
) {
    my ($name, $result, $authorization, @headers) = @$_;
    my $answer = try("/dry$path", @headers);

    is($answer->{status}, 200, "dry run: $name passes");
    is($answer->{asked}{headers}{authorization}, $authorization,
       'keys of ours do not');
    like(logged(), qr/^200\|\Q$result\E\|/, 'the log says what would be');
}


# Ways out.

{
    my $answer = try("/gemini$path?a=1", bearer('ci'));

    is($answer->{asked}{path}, "$path?a=1&key=of-the-provider",
       "the provider's own key stays");

    $answer = try("/gemini$path?key=$key{ci}");
    is($answer->{asked}{path}, "$path?key=of-the-provider",
       'also where the client used the query');

    $answer = try("/variables$path?key=$key{ci}", bearer('ci'),
                  'x-api-key' => $key{ci});
    is($answer->{asked}{headers}{'x-seen'},
       "||/variables$path|POST /variables$path HTTP/1.1|",
       'variables evaluated before do not say it any more');
    is($answer->{asked}{path}, "/variables$path", 'nor does a URI of them');

    for my $headers ([bearer('old')], ['x-api-key' => 'sk-virtual-no']) {
        $answer = try("/page$path?key=$headers->[1]" =~ s/Bearer //r,
                      @$headers);
        is($answer->{status}, 200, 'a page of the error may be an upstream');
        unlike($answer->{asked}{head}, qr/virtual/,
               'which does not get what was refused');
    }

    $answer = try("/fallback$path", bearer('alice'));
    is($answer->{status}, 200, 'a refusal by a limit leads on');
    like(logged(), qr/^200\|passed\|research\|alice\|$id{alice}\|/,
         'with the same key');
    unlike($answer->{asked}{head}, qr/virtual/, 'which is not sent');

    is(try("/fallback$path")->{status}, 401, 'one without a key does not');

    $answer = try("/moved$path?key=$key{ci}", bearer('ci'));
    is($answer->{status}, 200, 'after an internal redirect');
    unlike($answer->{asked}{head}, qr/virtual/, 'the key is gone');

    try("/mirrored$path?key=$key{ci}", bearer('ci'));
    wait_until { $upstream->requests('/mirror') } 'the mirror';
    unlike(join('', map { $_->{head} } $upstream->requests('/mirror')),
           qr/virtual/, 'a subrequest does not get it');

    is(try("/fresh/?key=$key{ci}")->{status}, 403, 'denied before we look');
    like(logged(), qr{POST /fresh/ HTTP}, 'and yet not logged');
}


# HTTP/2, by curl

SKIP: {
    my ($curl) = grep { -x && `$_ --version` =~ /\bHTTP2\b/ }
                 map { "$_/curl" } split /:/, $ENV{PATH};

    skip 'no curl with HTTP/2', 2 if !$curl;

    my $url = "http://127.0.0.1:$t->{vars}{H2}$path?key=$key{ci}&h2=1";

    open my $fh, '-|', $curl, '-s', '-o', '/dev/null', '-w',
                       '%{http_code} %{http_version}', '-m', 20,
                       '--http2-prior-knowledge', '-d', $body,
                       '-H', "Authorization: Bearer $key{ci}",
                       '-H', "x-api-key: $key{ci}", $url
        or die "$curl: $!\n";

    is(scalar <$fh>, '200 2', 'HTTP/2 passes');

    my ($request) = grep { $_->{path} eq "$path?h2=1" } $upstream->requests;

    unlike($request->{head}, qr/virtual|authorization|api-key/i,
           'without the key');
}


# What all of it left behind.

my $logs = LLMBase::slurp($t->dir . '/logs/keys.log');
my $errors = join '', grep { !/access forbidden by rule/ } split /^/, $t->log;

like($errors, qr/llm_quota key_denied/, 'refusals are logged');
unlike($logs, qr/virtual/, 'no key is in the access log');
unlike($errors, qr/virtual/, 'none is in the error log');
unlike(join('', $t->raw_lines), qr/virtual/, 'none is in the ledger');

my @leaks = grep { $_->{head} =~ /virtual-/ } $upstream->requests;

is(join("\n", map { $_->{head} } @leaks), '', 'no upstream got one');

$t->finish;

done_testing();
