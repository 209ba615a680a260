'use strict';

const $ = (id) => document.getElementById(id);

const base = document.documentElement.dataset.api;
const stored = 'llm-quota-key';

const every = { status: 5000, rest: 30000 };
const keysOfPage = 50;

let key = null;             // of who is signed in
let admin = false;
let writer = false;
let own = null;             // whose key it is: { scope, id }
let keyPages = 1;
let timers = [];
let round = 0;              // what an earlier sign-in asked for is dropped
let last = {};              // the last answers


// The API.  Every failure is an Error with words for people.

async function call(path, body)
{
    const options = { headers: { Authorization: 'Bearer ' + key },
                      cache: 'no-store', signal: AbortSignal.timeout(15000) };
    let answer, data;

    if (body) {
        options.method = 'POST';
        options.headers['Content-Type'] = 'application/json';
        options.body = JSON.stringify(body);
    }

    try {
        answer = await fetch(base + path, options);
        data = await answer.json().catch(() => null);

    } catch {
        throw failure(0, 'The API does not answer.');
    }

    if (answer.ok && data !== null) {
        return data;
    }

    throw failure(answer.status,
                  answer.status === 401 ? 'This key is not valid.'
                                        : wordsOf(data, answer.status));
}


function failure(status, words)
{
    return Object.assign(new Error(words), { status });
}


function wordsOf(data, status)
{
    if (data && data.error && data.error.message) {
        return data.error.message;
    }

    if (data && Array.isArray(data.detail)) {
        return data.detail.map((d) => `${d.loc.slice(1).join('.')}: ${d.msg}`)
                          .join('; ');
    }

    return status === 404 ? 'There is no admin API at this address.'
                          : `The API answers with status ${status}.`;
}


const query = (values) => new URLSearchParams(values).toString();


// Numbers and times.

const many = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat('en', { style: 'currency',
                                            currency: 'USD' });
const small = new Intl.NumberFormat('en', { style: 'currency', currency: 'USD',
                                            maximumSignificantDigits: 3 });

function usd(n)
{
    return n !== 0 && Math.abs(n) < 0.995 ? small.format(n) : cents.format(n);
}


function clock(time)
{
    return new Date(time).toLocaleString([], {
        month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit',
    });
}


function day(time)
{
    return new Date(time).toISOString().slice(0, 10);
}
