# Alerts by mail: what it says, with and without TLS and a password, and what
# is not sent to whom.

use lib 't/lib';
use LLMAlert;
use MailReceiver;
use MIME::Base64 qw(decode_base64);
use MIME::QuotedPrint qw(decode_qp);

system('/usr/bin/python3 -c "import aiosmtpd" 2> /dev/null') == 0
    or plan(skip_all => 'no aiosmtpd here');

my $cert = MailReceiver->certificate('localhost');
my $other = MailReceiver->certificate('elsewhere.example');

my %mail = (
    plain    => MailReceiver->start,
    starttls => MailReceiver->start(starttls => $cert),
    strict   => MailReceiver->start(require => $cert, auth => 'llm:pass word'),
    tls      => MailReceiver->start(tls => $cert, auth => 'llm:pass word'),
    wrong    => MailReceiver->start(tls => $other),
    downgrade => MailReceiver->start,
    refuse   => MailReceiver->start(refuse => 550),
    later    => MailReceiver->start(refuse => 451),
    stall    => MailReceiver->start('stall', 1),
);

my $password = "$LLMBase::run/password";

LLMBase::spew($password, "pass word\n");
chmod 0600, $password;

my $from = 'from=llm@gw.example';

my $t = LLMAlert->new(vars => { map { (uc $_ => $mail{$_}->port) } keys %mail },
                      alerts => <<EOF_ALERTS);
    llm_alert main email smtp://127.0.0.1:%%PLAIN%% name=plain
              $from to=ops\@example.com,cfo\@example.com;
    llm_alert main email smtp://localhost:%%STARTTLS%% name=starttls
              $from to=ops\@example.com ca=$cert->{cert};
    llm_alert main email smtp://localhost:%%STARTTLS%% name=unknown
              $from to=unknown\@example.com;
    llm_alert main email smtp://localhost:%%STARTTLS%% name=clear
              $from to=clear\@example.com starttls=off;
    llm_alert main email smtp://localhost:%%STRICT%% name=strict
              $from to=ops\@example.com ca=$cert->{cert}
              user=llm password_file=$password;
    llm_alert main email smtp://localhost:%%STRICT%% name=nobody
              $from to=nobody\@example.com ca=$cert->{cert}
              user=nobody password_file=$password;
    llm_alert main email smtps://localhost:%%TLS%% name=tls
              $from to=ops\@example.com ca=$cert->{cert}
              user=llm password_file=$password;
    llm_alert main email smtps://localhost:%%WRONG%% name=wrong
              $from to=ops\@example.com ca=$other->{cert};
    llm_alert main email smtp://localhost:%%DOWNGRADE%% name=downgrade
              $from to=ops\@example.com user=llm password_file=$password;
    llm_alert main email smtp://localhost:%%REFUSE%% name=refuse
              $from to=ops\@example.com;
    llm_alert main email smtp://localhost:%%LATER%% name=later
              $from to=ops\@example.com;
    llm_alert main email smtp://localhost:%%STALL%% name=stall
              $from to=ops\@example.com timeout=500ms;
EOF_ALERTS

$t->start;


# What it says

$t->put('p-1', 'plain', subject => "M\x{e4}rkte\r\nBcc: x\@example.com",
        severity => 'critical', event => 'budget_crossed', zone => ".\r\n.");
is($t->told('p-1', 'plain', 10), 1, 'a mail');

my @mails = $mail{plain}->mails;
my ($head, $body) = split /\r\n\r\n/, $mails[0]{content}, 2;
my $unfolded = $head =~ s/\r\n / /gr;
my ($subject) = $unfolded =~ /^Subject: (.*?)\r?$/m;

is(scalar @mails, 1, 'is one');
is($mails[0]{from}, 'llm@gw.example', 'from whom');
is(join(' ', @{$mails[0]{to}}), 'ops@example.com cfo@example.com', 'to whom');
like($unfolded, qr/^To: <ops\@example.com>, <cfo\@example.com>\r$/m, 'told so');
like($head, qr/^Message-ID: <p-1\@gw.example>\r$/m, 'the id');
unlike($head, qr/^Bcc/m, 'no header of theirs');
$subject =~ s/=\?UTF-8\?B\?(.*?)\?=\s?/decode_base64($1)/ge;
is($subject, "[LLM quota] Team M\xc3\xa4rkte  Bcc: x\@example.com: "
             . '80% of $100.00 monthly budget', 'the subject');
$body = decode_qp($body);
like($body, qr/^Team M\xc3\xa4rkte  Bcc: x\@example.com\r?\n/, 'the text');
like($body, qr/^Usage: 80% of \$100.00 monthly budget\.\r?$/m, 'in lines');
like($body, qr/, alert p-1\r?\n\z/, 'to its end');
is($mails[0]{tls} + $mails[0]{auth}, 0, 'as the server would have it');


# Who gets one, and how

$t->put('t-1', 'starttls unknown clear strict nobody tls wrong downgrade'
               . ' refuse later stall');

is($t->told('t-1', $_, 10), 1, "told: $_") for qw(starttls strict tls clear);

my %sent = map { my $name = $_; map { ("$name $_->{to}[0]" => $_) }
                                $mail{$name}->mails } keys %mail;

ok($sent{'starttls ops@example.com'}{tls}, 'STARTTLS where it is offered');
ok(!$sent{'starttls clear@example.com'}{tls}, 'not where it is off');
ok($sent{'strict ops@example.com'}{tls} && $sent{'strict ops@example.com'}{auth},
   'STARTTLS and a password');
ok($sent{'tls ops@example.com'}{auth}, 'TLS from the start, and a password');

my %error = (
    unknown => qr/^0 \d+ SSL certificate .*: self-signed certificate/,
    wrong => qr/^0 \d+ SSL: no alternative certificate subject name matches/,
    nobody => qr/^0 \d+ Login denied/,
    downgrade => qr/^0 \d+ STARTTLS not supported/,
    refuse => qr/^0 1 RCPT failed: 550/,
    later => qr/^0 \d+ RCPT failed: 451/,
    stall => qr/^0 \d+ .*time(?:d )?out/,
);

for my $name (sort keys %error) {
    wait_until { $t->delivery('t-1', $name) =~ $error{$name} } $name;
    pass("not told: $name");
}

is(scalar($mail{$_}->mails), 0, "$_ was sent nothing")
    for qw(wrong downgrade refuse later stall);
is(scalar(grep { /unknown|nobody/ } keys %sent), 0, 'nor those');

my $later = "SELECT due > 1000 * CAST(strftime('%s') AS INTEGER) + 500000
             FROM delivery WHERE channel =";

is($t->sql("$later 'refuse'"), 1, 'who says no is asked later');
is($t->sql("$later 'later'"), 0, 'who says later sooner');

unlike($t->log, qr/pass word/, 'no password in the log');
$t->finish;


# A server that says nothing holds up nobody, not even the end

$t = LLMAlert->new(vars => { STALL => $mail{stall}->port },
                   alerts => <<EOF_ALERTS);
    llm_alert main email smtp://localhost:%%STALL%% name=stall
              $from to=ops\@example.com timeout=50s;
EOF_ALERTS

$t->start;
$t->put('u-1', 'stall');
wait_until { ($t->delivery('u-1', 'stall') // '') eq '0 1 it was begun' }
           'it to be sent';
is($t->chat('u')->{status}, 200, 'requests are answered');
is($t->delivery('u-1', 'stall'), '0 1 it was begun', 'meanwhile');
$t->stop;
is(join('', $t->critical), '', 'and nginx stops');

done_testing();
