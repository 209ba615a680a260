# What README.md says of itself: that its configuration is one, that it names
# all there is, and nothing that there is not.

use lib 't/lib';
use LLMExample;

my $readme = LLMBase::slurp("$LLMBase::root/README.md");

# the rest speaks of the source
my ($manual) = split /^## Developing$/m, $readme;


sub names
{
    my ($file, $pattern) = @_;

    my %names = map { $_ => 1 } LLMBase::slurp("$LLMBase::root/$file")
                                =~ /$pattern/g;

    return sort keys %names;
}


# what is in @$some, and not in @$all

sub missing
{
    my ($some, $all) = @_;

    my %seen = map { $_ => 1 } @$all;

    return join ' ', grep { !$seen{$_}++ } @$some;
}


my @directives = names('ngx_http_llm_quota_module.c',
                       qr/^\ +(?:\{\ ngx_string|ngx_http_llm_\w+_directive)
                           \("(llm_\w+)"/mx);
my @variables = names('src/http/ngx_http_llm_variables.c',
                      qr/^ +\{ ngx_string\("(llm_\w+)"\)/m);
my @statuses = names('src/http/ngx_http_llm_answer.c', qr/^    \{ "(\w+)", /m);

my @metrics = names('src/admin/ngx_http_llm_metrics_print.c',
                    qr/^    ngx_http_llm_\w+\("(\w+)"/m);

cmp_ok(scalar @directives, '>', 20, 'there are directives');
cmp_ok(scalar @variables, '>', 20, 'there are variables');
cmp_ok(scalar @statuses, '>', 5, 'there are results');

my @words = $manual =~ /(?<![\w\$\/.])((?:llm|litellm)_[a-z_]+)/g;
my %metric = map { $_ => 1, "${_}_total" => 1 } @metrics;
my @named = grep { /^llm_/ && !$metric{$_} } @words;
my @asked = $manual =~ /\$(llm_[a-z_]+)/g;
my @quoted = $manual =~ /`(\w+)`/g;

is(missing(\@directives, \@named), '', 'every directive is named');
is(missing(\@named, \@directives), '', 'every directive named is one');
is(missing(\@metrics, [map { s/_total$//r } @words]), '',
   'every metric is named');
is(missing(\@variables, \@asked), '', 'every variable is named');
is(missing(\@asked, \@variables), '', 'every variable named is one');
is(missing(\@statuses, \@quoted), '', 'every result is named');


# files and folders

my @paths = $readme
            =~ m{(?<![\w/])((?:conf\.example|scripts|src|t)/[\w./-]*\w)}g;

cmp_ok(scalar @paths, '>', 10, 'files are named');
is(join(' ', grep { !-e "$LLMBase::root/$_" } @paths), '',
   'every file named is there');

my @examples = map { m{([^/]+)$} } glob "$LLMBase::root/conf.example/*.conf";
my @included = map { LLMBase::slurp($_) =~ /^ *include (\S+);/mg }
               glob "$LLMBase::root/conf.example/*.conf";

is(missing(\@examples, [@included, $readme =~ /`([\w-]+\.conf)`/g]), '',
   'every example is named');


# configurations

my @blocks = $readme =~ /^```nginx\n(.*?)^```$/msg;

is(scalar @blocks, 1, 'there is a configuration');

my $t = LLMExample->new(text => $blocks[0],
                        providers => { 'api.openai.com' => 1 });
my ($status, $said) = $t->check;

is($status, 0, 'nginx takes it') or diag($said);
unlike($said, qr/\[warn\]/, 'without a warning');

my $minimal = LLMBase::slurp("$LLMBase::root/conf.example/minimal.conf");

is($minimal =~ s/^(?:#.*)?\n//mgr, $blocks[0], 'minimal.conf is the same');

# what is in a zone of 10m, to the tenth part

my %room = (subjects => 'subjects', classes => 'classes',
            reservations => 'requests', pending => 'answers',
            entity_cells => 'keys', series => 'in 10 MB');
my $said_room = join ' ', $manual =~ /10m is enough for about (.*?);/s,
                          map { "$_ in 10 MB" } $manual =~ /some (\d+) in 10 MB/;
my $zone = LLMTest->new(
    http => "    llm_quota_zone zone=main:10m;\n",
    server => "        location = /metrics { llm_quota_metrics main; }\n"
)->start;
my $body = $zone->get('/metrics')->{body};

$zone->finish;

for my $kind (sort keys %room) {
    my ($n) = $said_room =~ /([\d,]+)\s$room{$kind}\b/;
    my ($is) = $body =~ /^llm_quota_zone_capacity\{kind="$kind"\} (\d+)$/m;

    $n =~ s/,//;
    ok(abs($is - $n) <= $n / 10, "there is room for $n $kind")
        or diag("there is room for $is");
}

# the check can fail

$t = LLMExample->new(text => $blocks[0] =~ s/llm_team_limit/llm_teem_limit/r,
                     providers => { 'api.openai.com' => 1 });
($status, $said) = $t->check;

isnt($status, 0, 'nginx refuses what is wrong');

done_testing();
