// A browser for t/dashboard.t: does what the lines on stdin say, each a list of
// a name below and its arguments, and answers each with a line { value } or
// { error }.

'use strict';

const readline = require('readline');

const axe = require('axe-core');
const { chromium } = require('playwright-core');

const patience = Number(process.argv[2]) * 1000;

let browser, page, complaints, open;


const steps = {

    // A new page, without anything of the last one.

    async open(url, options)
    {
        if (page) {
            await page.context().close();
        }

        const context = await browser.newContext(options);

        context.setDefaultTimeout(patience);
        await context.clock.install();
        page = await context.newPage();
        complaints = [];
        open = 0;

        page.on('request', () => open++);
        page.on('requestfinished', () => open--);
        page.on('requestfailed', () => open--);

        page.on('pageerror', (error) => complaints.push(String(error)));
        page.on('console', (message) => {
            if (message.type() === 'error'
                && !message.text().startsWith('Failed to load resource'))
            {
                complaints.push(message.text());
            }
        });
        page.on('request', (request) => {
            if (new URL(request.url()).origin !== new URL(url).origin
                && !request.url().startsWith('data:'))
            {
                complaints.push(`asks ${request.url()}`);
            }
        });

        await page.goto(url);
    },

    async fill(label, value)
    {
        await page.getByLabel(label, { exact: true }).fill(value);
    },

    async click(name)
    {
        await page.getByRole('button', { name, exact: true }).click();
    },

    async press(key)
    {
        await page.keyboard.press(key);
    },

    // Waits until the element has the text.

    async see(selector, text)
    {
        const element = page.locator(selector).first();

        try {
            await page.waitForFunction(([s, t]) => {
                const found = document.querySelector(s);

                return found && found.checkVisibility()
                       && found.innerText.replaceAll(/\s+/g, ' ').includes(t);
            }, [selector, text]);

        } catch {
            throw new Error(`"${text}" is not in `
                            + await element.innerText({ timeout: 100 }));
        }
    },

    async text(selector)
    {
        return (await page.locator(selector).first().innerText())
               .replaceAll(/\s+/g, ' ').trim();
    },

    // A function's value in the page.

    async value(code)
    {
        return page.evaluate(code);
    },

    // What is serious of what axe finds.

    async axe()
    {
        await page.evaluate(axe.source);

        const { violations } = await page.evaluate(() => axe.run());

        return violations
            .filter(({ impact }) => impact === 'serious'
                                    || impact === 'critical')
            .map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
    },

    // The page is hidden and what it asked for has come, or it is shown.

    async hide(hidden)
    {
        await page.evaluate((is) => {
            Object.defineProperty(document, 'hidden',
                                  { value: is, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);

        while (hidden && open) {
            await new Promise((done) => setTimeout(done, 10));
        }
    },

    // The page's timers that are due until then fire.

    async pass(seconds)
    {
        await page.clock.fastForward(seconds * 1000);
    },

    async shot(path)
    {
        await page.screenshot({ path, fullPage: true });
    },

    async complaints()
    {
        return complaints;
    },
};


async function run()
{
    browser = await chromium.launch({
        executablePath: process.argv[3],
        args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });

    for await (const line of readline.createInterface(process.stdin)) {
        const [name, ...args] = JSON.parse(line);
        let answer;

        try {
            answer = { value: await steps[name](...args) };

        } catch (error) {
            answer = { error: error.message };
        }

        process.stdout.write(JSON.stringify(answer) + '\n');
    }

    await browser.close();
}


run();
