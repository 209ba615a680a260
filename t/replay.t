# Recorded and crafted answers of providers: each is charged what its expect
# file says, and delivered byte for byte, in one piece and in many.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use Digest::SHA qw(sha256_hex);
use File::Basename qw(basename);
use JSON::PP ();

my $json = JSON::PP->new->utf8;
my (%fixtures, @runs);

# The files say what the provider will bill.  What is not stated is estimated
# where the request could be read, and not charged where it could not; an image
# without tokens is charged as an image.
my %charge = (
    oai_images_dalle_gzip  => 'exact',
    ol_embeddings_no_usage => 'estimate',
    ol_generate_stream     => 'partial',
    sagemaker_no_usage     => 'none',
    tricky_enc_br          => 'estimate',
);

for my $file (map { glob "$_/*.expect.json" }
              "$LLMBase::root/../shared/fixtures/usage",
              "$LLMBase::root/t/fixtures/usage")
{
    my $name = basename($file, '.expect.json');
    my $fixture = $json->decode(LLMBase::slurp($file));

    ($fixture->{file} = $file) =~ s/\.expect\.json$/.http/;

    my (undef, $body) = split /\r\n\r\n/, LLMBase::slurp($fixture->{file}),
                        2;

    $fixture->{charge} = $charge{$name} // $fixture->{charge};
    $fixture->{usage} //= { map { $_ => 0 } qw(input output cached_read
                                               cache_write reasoning) };
    $fixture->{body_sha256} //= sha256_hex($body);
    $fixtures{$name} = $fixture;
}

plan(skip_all => 'there are no fixtures') if !%fixtures;

my %cuts = (
    whole => sub { return {} },
    cut   => sub { return { pieces => { seed => $_[0], max => 2000 } } },
    bytes => sub { return { pieces => 1 } },
);

for my $name (sort keys %fixtures) {
    push @runs, map { [$name, $_] } 'whole', 'cut',
                -s $fixtures{$name}{file} < 2000 ? 'bytes' : ();
}

my $upstream = RawUpstream->start(
    '*' => sub {
        my ($request) = @_;

        my ($name, $cut) = split /\//, $request->{headers}{'x-team'};

        # the last request of all is for none
        return { json => usage(1, 1) } if !defined $cut;

        return { file => $fixtures{$name}{file}, close => 1,
                 %{$cuts{$cut}->(length $name)} };
    },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    limits => 'rpm=10k tpm=1000m',
    keepalive => 'keepalive_requests 1;',
    zone => 'zone=main:10m state=%%DIR%%/tmp/state',
    server => <<'EOF'
        llm_opaque allow;
        proxy_buffering off;
EOF
);

$t->start;


sub request
{
    my ($name, $cut) = @_;

    my $request = $fixtures{$name}{request};

    return [$request->{method}, $request->{path},
            $request->{method} eq 'GET'
            ? undef
            : $json->encode($request->{body} // $request->{body_members} // {}),
            'X-Team' => "$name/$cut"];
}


my (@answers, %lines);

for (my $i = 0; $i < @runs; $i += 30) {
    my $last = $i + 29 < $#runs ? $i + 29 : $#runs;

    push @answers, $t->parallel(map { request(@$_) } @runs[$i .. $last]);
}

$t->settle_all;

push @{$lines{$_->{team_id}}}, $_ for $t->lines;


# "input output cached cache_write reasoning source" of a line

sub charged
{
    my ($line) = @_;

    return join ' ', @$line{qw(prompt_tokens completion_tokens cached_tokens
                               cache_write_tokens reasoning_tokens source)};
}


sub check
{
    my ($what, $fixture, @lines) = @_;

    my ($charge, $usage) = @$fixture{qw(charge usage)};

    if ($fixture->{request}{method} ne 'POST') {
        is(scalar @lines, 0, "$what: free");
        return;
    }

    # an answer that is an error; some of its paths are free as well

    if ($charge eq 'none' || $fixture->{status} >= 300) {
        my $source = $what =~ /_background_queued,/ ? 'pending' : 'none';

        is(join(', ', map { charged($_) } @lines),
           @lines ? "0 0 0 0 0 $source" : '', "$what: not charged");
        return;
    }

    # more than one way is right: the file has the one to take

    if ($charge eq 'policy') {
        $charge = $usage->{total} ? 'exact' : 'estimate';
    }

    if (@lines != 1) {
        is(scalar @lines, 1, "$what: one line");
        return;
    }

    if ($charge eq 'exact' || $charge eq 'once_per_id') {
        is(charged($lines[0]),
           join(' ', @$usage{qw(input output cached_read cache_write
                                reasoning)}, 'upstream'), "$what: charged");
        return;
    }

    is($lines[0]{source}, 'estimated', "$what: estimated");

    if ($charge eq 'partial') {
        cmp_ok($lines[0]{prompt_tokens}, '>=', $usage->{input},
               "$what: at least the input that is known");
        cmp_ok($lines[0]{completion_tokens}, '>=', $usage->{output},
               "$what: at least the output that is known");
    }
}


for my $i (0 .. $#runs) {
    my ($name, $cut) = @{$runs[$i]};
    my $fixture = $fixtures{$name};

    check("$name, $cut", $fixture, @{$lines{"$name/$cut"} // []});
    is($answers[$i]{status}, $fixture->{status}, "$name, $cut: status");
    is(sha256_hex($answers[$i]{body}), $fixture->{body_sha256},
       "$name, $cut: as it was");
}

$t->finish;
done_testing();
