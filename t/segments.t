# The ledger's segments: one goes on where the one before is long enough,
# whoever writes; and while nothing can be written, what was charged is kept,
# at last as sums.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });


sub load
{
    my ($t, $n, $team) = @_;

    my %status;

    for (my $i = 0; $i < $n; $i += 50) {
        my $last = $i + 49 < $n - 1 ? $i + 49 : $n - 1;

        $status{$_->{status}}++ for $t->parallel(map {
            ['POST', '/v1/chat/completions', '{"model":"m","max_tokens":1}',
             'X-Team' => $team]
        } $i .. $last);
    }

    return join ' ', %status;
}


sub segments
{
    my ($t) = @_;

    return map { m{-([0-9a-f]{16}-\d{4})\.jsonl$} }
           sort glob $t->state_dir . '/usage-*.jsonl';
}


# Rotation.

my $t = LLMGateway->new(
    upstream => $upstream, workers => 2, limits => 'rpm=100k tpm=100m',
    zone => 'zone=main:2m state=%%DIR%%/tmp/state segment=64k',
);

$t->start;

is(load($t, 600, 'many'), '200 600', 'many requests');
wait_until { (() = $t->lines('many')) == 600 } 'their lines';

my @segments = segments($t);
my ($epoch) = $segments[0] =~ /^(\w+)-/;

cmp_ok(scalar @segments, '>=', 3, 'several segments');
is("@segments", join(' ', map { sprintf '%s-%04d', $epoch, $_ }
                          0 .. $#segments), 'without a gap');

my %sizes = map { $_ => -s } glob $t->state_dir . '/usage-*.jsonl';
my $newest = (sort keys %sizes)[-1];
my @long = grep { $sizes{$_} < 65536 || $sizes{$_} > 2 * 65536 }
           grep { $_ ne $newest } keys %sizes;

is("@long", '', 'each was long enough, and not much longer');

my %ids;

$ids{$_->{id}}++ for $t->lines;
is(scalar(keys %ids), 600, 'each line is there once');

$t->reload;
is(load($t, 10, 'reloaded'), '200 10', 'after a reload');
wait_until { (() = $t->lines('reloaded')) == 10 } 'their lines';
is(scalar(segments($t)), scalar(@segments), 'the newest segment goes on');
$t->finish;



# A disk that is full for longer than a buffer lasts.

my $mounted;

END {
    if (defined $mounted && LLMBase::is_owner()) {
        my $status = $?;

        system 'umount', '-l', $mounted;
        $? = $status;
    }
}


sub fill
{
    my ($t, $size) = @_;

    my $dir = $t->state_dir;
    my $log = $t->dir . '/logs/mount';

    mkdir $dir;

    return 0 if system("mount -t tmpfs -o size=$size llm-quota $dir"
                       . " > $log 2>&1");

    $mounted = $dir;

    return 1;
}


sub filler
{
    my ($t) = @_;

    my $file = $t->state_dir . '/filler';

    open my $fh, '>', $file or die "$file: $!\n";
    1 while syswrite $fh, 'x' x 4096;
    close $fh;

    return $file;
}


sub sum
{
    my ($t, $member) = @_;

    my $sum = 0;

    $sum += $_->{$member} // 1 for $t->lines('full');

    return $sum;
}


SKIP: {
    $t = LLMGateway->new(
        upstream => $upstream, limits => 'rpm=100k tpm=100m',
        zone => 'zone=main:1m state=%%DIR%%/tmp/state segment=64k',
        http => <<'EOT',
    map $http_x_team $said {
        default $http_x_team;
        mixed   $request_id;
    }

    llm_label to $said;
EOT
        server => <<'EOT'
        location /closed/ {
            llm_quota main fail=closed;
            proxy_pass http://provider/;
        }
EOT
    );

    fill($t, '2m') or skip 'no file system can be mounted here', 17;

    $t->start;
    $t->expect_log(qr/\[crit\].*llm_quota (?:ledger|store)/);

    is($t->chat('room')->{status}, 200, 'there is room');
    $t->line('room');

    my $file = filler($t);

    # some 300 bytes a line, a buffer of 256 KB, and some hundred records
    is(load($t, 1500, 'full'), '200 1500', 'full: served on');
    is(load($t, 600, 'mixed'), '200 600', 'full: with labels that differ');
    $t->wait_log(qr/llm_quota ledger ".*" failed/);

    is($t->chat('closed', path => '/closed/v1/chat/completions')->{status},
       503, 'full: fail=closed refuses');
    is($t->used('full'), '1500 22500 0.09', 'full: all is counted');

    unlink $file;

    wait_until { sum($t, 'requests') == 1500 } 'what was kept';

    is(sum($t, 'prompt_tokens'), 15000, 'all input');
    is(sum($t, 'completion_tokens'), 7500, 'all output');
    is(sprintf('%.5f', sum($t, 'cost_usd')), '0.09000', 'all that it cost');

    my @aggregates = grep { $_->{source} eq 'aggregate' } $t->lines('full');

    cmp_ok(scalar @aggregates, '>=', 1, 'some of it as sums');
    is($aggregates[0]{request_id}, '', 'which are of no request');
    is($aggregates[0]{model}, 'm', 'but of a model');

    ok(!defined $aggregates[0]{counted_tokens}, 'of which all count');

    my %labels = map { ($_->{labels}{to} // 'none') => 1 } $t->lines('full');

    is(join(' ', keys %labels), 'full', 'labels are kept');

    my $mixed = sub { grep { $_->{source} eq 'aggregate' } $t->lines('mixed') };

    wait_until { $mixed->() } 'sums of the others';
    is(scalar(grep { %{$_->{labels}} } $mixed->()), 0,
       'what differs is of no sum');

    %ids = ();
    $ids{$_->{id}}++ for $t->lines;
    is(scalar(keys %ids), scalar(() = $t->lines), 'no id twice');

    is($t->chat('closed', path => '/closed/v1/chat/completions')->{status},
       200, 'written again: fail=closed serves');
    like($t->log, qr/is written again/, 'and tells of it');
    $t->finish;
}

done_testing();
