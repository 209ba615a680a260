// Calls what the lines on stdin say with the providers' own SDKs, and writes a
// line for each: see t/sdk.t.
//
//     { id, sdk: "openai" or "anthropic", options: of the client,
//       call: "chat.completions.create", args: [...],
//       take: undefined          what the call returns
//             "events"           what it streams, as a list
//             "abort"            ... up to the first event with text, then
//                                abort() of the stream's controller
//             another name       what this method of a stream helper returns
//       quick: true              waits between retries take no time }
//
// A line of the answer is
//
//     { id, value and requestID, or error,
//       waits: milliseconds between retries,
//       answers: [{ status, headers }], also those that it retried }

'use strict';

const { AsyncLocalStorage } = require('async_hooks');
const path = require('path');
const readline = require('readline');

const clients = {
    openai: require('openai').OpenAI,
    anthropic: require('@anthropic-ai/sdk').Anthropic,
};

const current = new AsyncLocalStorage();


// How they wait before they retry, which they keep to themselves.

for (const name of ['openai', '@anthropic-ai/sdk']) {
    const folder = path.dirname(require.resolve(name));
    const module = require(`${folder}/internal/utils/sleep.js`);
    const sleep = module.sleep;

    module.sleep = (ms) => {
        const job = current.getStore();

        job.waits.push(ms);

        return sleep(job.quick ? 0 : ms);
    };
}


async function fetchAndNote(...args) {
    const answer = await fetch(...args);

    current.getStore().answers.push({
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
    });

    return answer;
}


function hasText(event) {
    return Boolean(event.choices?.[0]?.delta.content || event.delta);
}


async function take(job, result) {
    if (!job.take) {
        return result;
    }

    if (job.take !== 'events' && job.take !== 'abort') {
        return result[job.take]();
    }

    const stream = await result;
    const events = [];

    for await (const event of stream) {
        events.push(event);

        if (job.take === 'abort' && hasText(event)) {
            stream.controller.abort();
        }
    }

    return events;
}


async function run(job) {
    const client = new clients[job.sdk]({ ...job.options,
                                          fetch: fetchAndNote });
    const names = job.call.split('.');
    const method = names.pop();
    const object = names.reduce((o, name) => o[name], client);
    const { id, waits, answers } = job;

    try {
        const value = await take(job, object[method](...job.args));

        return { id, waits, answers, value, requestID: value._request_id };

    } catch (e) {
        const { status, code, type, message, requestID } = e;

        return { id, waits, answers,
                 error: { class: e.constructor.name, status, code, type,
                          message, requestID, body: e.error,
                          retryAfter: e.headers?.get('retry-after') } };
    }
}


readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const job = { ...JSON.parse(line), waits: [], answers: [] };

    current.run(job, async () => {
        process.stdout.write(JSON.stringify(await run(job)) + '\n');
    });
});
