package EventStream;

# Frames of Amazon's event stream, as Bedrock sends them.
#
#     use EventStream;
#
#     my $body = event(metadata => '{"usage":{...}}')
#                . chunk('{"type":"message_start",...}')
#                . exception('throttlingException');

use strict;
use warnings;

use Compress::Raw::Zlib qw(crc32);
use Exporter qw(import);
use MIME::Base64 qw(encode_base64);

our @EXPORT = qw(chunk event exception frame);


# The headers, names and values, and a payload.

sub frame
{
    my ($headers, $payload) = @_;

    my $head = '';

    for (my $i = 0; $i < @$headers; $i += 2) {
        $head .= pack('C/a* C n/a*', $headers->[$i], 7, $headers->[$i + 1]);
    }

    my $frame = pack('N N', 16 + length($head) + length($payload),
                     length $head);

    $frame .= pack('N', crc32($frame)) . $head . $payload;

    return $frame . pack('N', crc32($frame));
}


sub event
{
    my ($type, $payload) = @_;

    return frame([':event-type' => $type, ':content-type' => 'application/json',
                  ':message-type' => 'event'], $payload);
}


# A vendor's event, in base64.

sub chunk
{
    my ($document) = @_;

    return event(chunk => '{"bytes":"' . encode_base64($document, '')
                          . '","p":"abcd"}');
}


sub exception
{
    my ($type) = @_;

    return frame([':exception-type' => $type,
                  ':content-type' => 'application/json',
                  ':message-type' => 'exception'], '{"message":"no"}');
}


1;
