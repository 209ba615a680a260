// For jwt.conf: the claims of a JSON Web Token that is signed by HS256.

import crypto from 'crypto';


// What differs does not tell by the time that it takes.

function same(a, b) {
    let differ = a.length ^ b.length;

    for (let i = 0; i < a.length; i++) {
        differ |= a.charCodeAt(i) ^ b.charCodeAt(i % b.length);
    }

    return differ === 0;
}


function json(part) {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
}


// All claims, or none.

function claims(r) {
    const sent = /^Bearer +([\w-]+)\.([\w-]+)\.([\w-]+)$/i
                 .exec(r.headersIn.Authorization || '');

    if (!sent) {
        return {};
    }

    const signature = crypto.createHmac('sha256', jwt_key.hs256)
                      .update(sent[1] + '.' + sent[2]).digest('base64url');

    if (!same(signature, sent[3])) {
        return {};
    }

    try {
        const payload = json(sent[2]);

        if (json(sent[1]).alg === 'HS256' && payload.exp > Date.now() / 1000) {
            return payload;
        }

    } catch (e) {
        r.log(`jwt: ${e.message}`);
    }

    return {};
}


function text(claim) {
    return typeof claim === 'string' ? claim : '';
}


const team = (r) => text(claims(r).team);
const user = (r) => text(claims(r).sub);

export default { team, user };
