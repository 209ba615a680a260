#!/usr/bin/python3
#
# mail_receiver.py PORT FILE [tls|starttls|require CERT KEY] [auth USER PASS]
#                  [refuse CODE] [stall]
#
# A mail server that writes what it takes into a file, a line of JSON each.

import asyncio
import json
import os
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


def read_arguments(words):
    options = {}

    while words:
        name = words.pop(0)
        count = {'tls': 2, 'starttls': 2, 'require': 2, 'auth': 2,
                 'refuse': 1, 'stall': 0}[name]
        options[name] = words[:count]
        del words[:count]

    return options


class Handler:
    def __init__(self, path, options):
        self.path = path
        self.options = options

    async def handle_RCPT(self, server, session, envelope, address, options):
        if 'refuse' in self.options:
            return self.options['refuse'][0] + ' not here'

        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        if 'stall' in self.options:
            await asyncio.sleep(60)

        mail = {'from': envelope.mail_from, 'to': envelope.rcpt_tos,
                'content': envelope.original_content.decode('latin-1'),
                'tls': session.ssl is not None,
                'auth': bool(session.authenticated)}

        with open(self.path, 'a') as file:
            file.write(json.dumps(mail) + '\n')

        return '250 OK'


def context_of(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    options = read_arguments(sys.argv[3:])
    more = {}

    if 'tls' in options:
        more['ssl_context'] = context_of(*options['tls'])

    for name in 'starttls', 'require':
        if name in options:
            more['tls_context'] = context_of(*options[name])
            more['require_starttls'] = name == 'require'

    if 'auth' in options:
        user, password = options['auth']

        def check(server, session, envelope, mechanism, data):
            good = (data.login == user.encode()
                    and data.password == password.encode())

            return AuthResult(success=good, handled=good)

        more['authenticator'] = check
        more['auth_required'] = True
        more['auth_require_tls'] = 'tls' not in options

    asyncio.set_event_loop(asyncio.new_event_loop())

    controller = Controller(Handler(path, options), hostname='127.0.0.1',
                            port=port, **more)
    controller.start()

    # whoever started it may be killed

    parent = os.getppid()

    while os.getppid() == parent:
        time.sleep(0.5)


main()
