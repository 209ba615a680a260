// The document.  What comes from the API is put in as text, never as HTML.

function element(name, properties, ...children)
{
    const e = Object.assign(document.createElement(name), properties);

    e.append(...children.filter((child) => child !== null));

    return e;
}


function text(e, value)
{
    if (e.textContent !== value) {
        e.textContent = value;
    }
}


// Makes the list's children those of the items, keeping those that are there,
// and with them the focus.

function list(name, items, keyOf, make, update, empty)
{
    const parent = $(name);
    const old = new Map([...parent.children].map((e) => [e.dataset.key, e]));
    let at = parent.firstElementChild;

    for (const item of items) {
        const id = keyOf(item);
        let e = old.get(id);

        if (!e) {
            e = make(item);
            e.dataset.key = id;
        }

        old.delete(id);
        update(e, item);

        if (e === at) {
            at = at.nextElementSibling;

        } else {
            parent.insertBefore(e, at);
        }
    }

    old.forEach((e) => e.remove());

    $(name + '-empty').hidden = items.length > 0;
    text($(name + '-empty'), empty);
}


function facts(names)
{
    return element('dl', { className: 'facts' }, ...names.map((name) =>
        element('div', {}, element('dt', { textContent: name }),
                element('dd', {}))));
}


function fill(e, values)
{
    e.querySelectorAll('dd').forEach((dd, i) => text(dd, values[i]));
}


// A budget or limit of a subject of /quota/status.

function limitOf(subject, resource, window)
{
    const found = ((subject && subject.limits) || []).filter((limit) =>
        limit.resource === resource && (!window || limit.window === window));

    return found.find((limit) => limit.window === 'month')
           || found[found.length - 1];
}


// The month's spend, as the zone has it now, else as the store has.

function monthOf(subject, fallback)
{
    const found = ((subject && subject.periods) || [])
        .find(({ period }) => period === 'month');

    return found ? found.spend : fallback || 0;
}


// What is spent at the period's end if it goes on as it did so far.

function projected(spend, from, to, now)
{
    const gone = now - Date.parse(from);
    const all = Date.parse(to) - Date.parse(from);

    return gone > 0 ? spend * all / gone : spend;
}


function against(used, limit)
{
    return many.format(used) + (limit ? ' of ' + many.format(limit.limit) : '');
}


// A team is what the zone, the store's entities and the month's report know.

function teams()
{
    const now = Date.parse(last.status.time);
    const all = new Map();
    const get = (id) => {
        if (!all.has(id)) {
            all.set(id, { id, scope: 'team', spent: 0 });
        }

        return all.get(id);
    };

    for (const subject of last.status.subjects) {
        if (admin || subject.scope === own.scope) {
            Object.assign(get(subject.id), { subject, scope: subject.scope });
        }
    }

    for (const entity of last.teams || []) {
        get(entity.team_id).entity = entity;
    }

    for (const [id, spend] of last.months || []) {
        get(id).spent = spend;
    }

    return [...all.values()].map((team) => figures(team, now))
                            .sort((a, b) => b.month - a.month
                                            || (a.id < b.id ? -1 : 1));
}


function figures(team, now)
{
    const { subject, entity, spent } = team;
    const minute = (subject && subject.minute)
                   || { requests: 0, input_tokens: 0, output_tokens: 0 };
    let budget = limitOf(subject, 'cost');

    team.month = monthOf(subject, spent);

    if (!subject && entity && entity.max_budget !== null) {
        budget = { limit: entity.max_budget, used: entity.spend,
                   window: entity.budget_duration || 'forever',
                   resets_at: entity.budget_reset_at };
    }

    if (budget) {
        team.budget = budget;

        // after a restart the zone knows it as soon as the team asks again

        team.used = budget.used ?? (entity && entity.max_budget !== null
                                    ? entity.spend : team.month);
    }

    const period = budget && budget.starts_at ? budget : month(now);

    team.end = { spend: projected(period === budget ? team.used : team.month,
                                  period.starts_at, period.resets_at, now),
                 time: period.resets_at };

    team.requests = minute.requests;
    team.tokens = minute.input_tokens + minute.output_tokens;
    team.running = subject ? subject.in_flight : 0;
    team.rpm = limitOf(subject, 'requests', 'minute')
               || fromEntity(entity, 'rpm_limit');
    team.tpm = limitOf(subject, 'tokens', 'minute')
               || fromEntity(entity, 'tpm_limit');
    team.parallel = limitOf(subject, 'parallel')
                    || fromEntity(entity, 'max_parallel_requests');
    team.blocked = Boolean(entity && entity.blocked);
    team.name = (entity && entity.team_alias) || team.id;

    return team;
}


function fromEntity(entity, name)
{
    return entity && entity[name] !== null && entity[name] !== undefined
           ? { limit: entity[name] } : undefined;
}


// The month that runs, which the zone may begin on another day than the first.

function month(now)
{
    const date = new Date(now);
    const first = (more) => new Date(Date.UTC(date.getUTCFullYear(),
                                              date.getUTCMonth() + more, 1))
                            .toISOString();

    for (const subject of last.status.subjects) {
        const found = subject.periods.find(({ period }) => period === 'month');

        if (found) {
            return found;
        }
    }

    return { starts_at: first(0), resets_at: first(1) };
}


function showTeams()
{
    const all = teams();
    const sum = (name) => all.reduce((n, team) => n + team[name], 0);
    const left = all.filter((team) => team.budget);

    list('teams', all, (team) => team.scope + ' ' + team.id, makeTeam,
         updateTeam, admin ? 'No team has been seen yet. Make one.'
                           : 'Nothing is known of this key yet.');

    tiles([
        ['Spent this month', usd(sum('month'))],
        ['Requests, last minute', many.format(sum('requests'))],
        ['Tokens, last minute', many.format(sum('tokens'))],
        ['Running now', many.format(sum('running'))],
        ['Over 80% of budget', many.format(left.filter((team) =>
            team.used >= 0.8 * team.budget.limit).length)],
    ]);

    text($('who'), (admin ? (writer ? 'Administrator' : 'Read-only')
                          : `${own.scope} ${own.id}`)
                   + `, ${new Date().toLocaleTimeString()}`);
}


function tiles(values)
{
    if (!$('now').firstChild) {
        $('now').append(...values.map(([name]) =>
            element('div', {}, element('dt', { textContent: name }),
                    element('dd', {}))));
    }

    fill($('now'), values.map(([, value]) => value));
}


function makeTeam()
{
    const e = element('li', {},
        element('div', { className: 'bar' }, element('h3', {}),
                element('span', { className: 'badge' })),
        element('meter', { min: 0, max: 100, low: 80, high: 99.9,
                           optimum: 0 }),
        facts(['Spent this month', 'Remaining', 'Projected', 'Requests/min',
               'Tokens/min', 'Running']));

    if (writer) {
        e.append(actions(['Change', () => editTeam(e.team)],
                         ['Block', () => blockTeam(e.team)],
                         ['New key', () => newKey(e.team.id)]));
    }

    return e;
}


function actions(...all)
{
    return element('div', { className: 'actions' }, ...all.map(([name, run]) =>
        element('button', { type: 'button', textContent: name,
                            onclick: run })));
}


function labelled(e, what)
{
    e.querySelectorAll('.actions button').forEach((button) => {
        button.setAttribute('aria-label', `${button.textContent}: ${what}`);
    });
}


function updateTeam(e, team)
{
    const meter = e.querySelector('meter');
    const { budget } = team;
    const [words, level] = stateOf(team);
    const badge = e.querySelector('.badge');

    e.team = team;

    text(e.querySelector('h3'), team.name);
    text(badge, words);
    badge.className = 'badge ' + level;

    meter.hidden = !budget;

    if (budget) {
        meter.value = percent(team);
        meter.setAttribute('aria-label', `${team.name}: budget used`);
    }

    fill(e, [
        usd(team.month),
        budget ? `${usd(budget.limit - team.used)} of ${usd(budget.limit)}`
                 + (budget.window === 'forever' ? '' : `/${budget.window}`)
               : 'no budget',
        `${usd(team.end.spend)} by ${day(team.end.time)}`,
        against(team.requests, team.rpm),
        against(team.tokens, team.tpm),
        against(team.running, team.parallel),
    ]);

    if (writer) {
        text(e.querySelectorAll('.actions button')[1],
             team.blocked ? 'Unblock' : 'Block');
        labelled(e, team.name);

        // who names no team is no entity

        e.querySelector('.actions').hidden = team.id === 'anonymous';
    }
}


function percent(team)
{
    return team.budget.limit > 0
           ? Math.min(100, 100 * team.used / team.budget.limit) : 100;
}


function stateOf(team)
{
    if (team.blocked) {
        return ['blocked', 'bad'];
    }

    if (!team.budget) {
        return ['no budget', 'dim'];
    }

    if (team.used >= team.budget.limit) {
        return ['budget spent', 'bad'];
    }

    if (team.end.spend > team.budget.limit || percent(team) >= 80) {
        return [`${Math.floor(percent(team))}% used`, 'warn'];
    }

    return [`${Math.floor(percent(team))}% used`, 'good'];
}


// Spend by day, by models, by users: /spend/logs.

function showSpend(logs, now)
{
    const days = new Map();
    const sums = { models: new Map(), users: new Map() };
    const from = day(month(now).starts_at);

    for (let i = 29; i >= 0; i--) {
        days.set(day(now - i * 86400000), 0);
    }

    for (const log of logs) {
        if (days.has(log.startTime)) {
            days.set(log.startTime, log.spend);
        }

        if (log.startTime < from) {
            continue;
        }

        for (const name of ['models', 'users']) {
            for (const [id, spend] of Object.entries(log[name])) {
                sums[name].set(id, (sums[name].get(id) || 0) + spend);
            }
        }
    }

    chart([...days]);
    ranking('models', sums.models, 'No model was used this month.');
    ranking('users', sums.users, 'No user was seen this month.');
}


function ranking(name, sums, empty)
{
    const all = [...sums].filter(([id]) => id !== '')
                         .sort((a, b) => b[1] - a[1]).slice(0, 8);
    const most = all.length ? all[0][1] : 0;

    list(name, all, ([id]) => id, () => element('li', {},
        element('p', {}, element('span', {}), element('span', {})),
        element('meter', { min: 0, max: 1 })),
    (e, [id, spend]) => {
        const [label, value] = e.querySelectorAll('span');
        const meter = e.querySelector('meter');

        text(label, id);
        text(value, usd(spend));
        meter.value = most ? spend / most : 0;
        meter.setAttribute('aria-label', `${id}: ${usd(spend)}`);
    }, empty);
}


function shape(name, attributes, ...children)
{
    const e = document.createElementNS('http://www.w3.org/2000/svg', name);

    for (const [attribute, value] of Object.entries(attributes)) {
        e.setAttribute(attribute, value);
    }

    e.append(...children);

    return e;
}


function chart(days)
{
    const most = Math.max(...days.map(([, spend]) => spend));
    const [width, height] = [720, 160];
    const step = width / days.length;

    $('days').hidden = most === 0;
    $('days-empty').hidden = most !== 0;
    text($('days-empty'), 'Nothing was spent in the last 30 days.');

    const bars = days.map(([date, spend], i) => {
        const h = most ? height * spend / most : 0;

        return shape('rect', { x: i * step + 2, width: step - 4, rx: 2,
                               y: height - h, height: h },
                     shape('title', {}, `${date}: ${usd(spend)}`));
    });

    const svg = shape('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img',
                               preserveAspectRatio: 'none',
                               'aria-label': 'Spend of the last 30 days, a '
                                             + 'bar for each day' }, ...bars);
    const ends = [days[0][0], days[days.length - 1][0]];
    const foot = element('p', {}, ...ends.map((date) =>
        element('span', { textContent: date })));

    // who cannot see the bars has the table

    const table = element('table', { className: 'hidden' },
        element('caption', { textContent: 'Spend by day' }),
        element('tbody', {}, ...days.filter(([, spend]) => spend)
            .map(([date, spend]) => element('tr', {},
                element('th', { scope: 'row', textContent: date }),
                element('td', { textContent: usd(spend) })))));

    $('days').replaceChildren(
        element('p', { textContent: `${usd(most)} a day at most` }),
        svg, foot, table);
}


// Keys.

function showKeys(keys, total)
{
    list('keys', keys, (one) => one.token, () => {
        const e = element('li', {},
            element('p', {}, element('strong', {}),
                    element('br', {}), element('span', { className: 'dim' })),
            element('span', { className: 'badge' }));

        if (writer) {
            e.append(actions(['Change', () => editKey(e.item)],
                             ['Block', () => blockKey(e.item)]));
        }

        return e;
    }, updateKey, 'There are no keys.');

    $('more-keys').hidden = keys.length >= total;
}


function updateKey(e, one)
{
    const name = one.key_alias || one.key_name;
    const expired = one.expires && Date.parse(one.expires) <= Date.now();
    const badge = e.querySelector('.badge');

    e.item = one;

    text(e.querySelector('strong'), name);
    text(e.querySelector('.dim'), [
        one.team_id && `team ${one.team_id}`, one.user_id,
        `${usd(one.spend)} spent`
        + (one.max_budget === null ? '' : ` of ${usd(one.max_budget)}`),
        one.rpm_limit !== null && `${many.format(one.rpm_limit)} rpm`,
        one.tpm_limit !== null && `${many.format(one.tpm_limit)} tpm`,
        one.expires && `until ${day(one.expires)}`,
    ].filter(Boolean).join(', '));

    text(badge, one.blocked ? 'blocked' : expired ? 'expired' : 'active');
    badge.className = 'badge ' + (one.blocked || expired ? 'bad' : 'good');

    if (writer) {
        text(e.querySelectorAll('.actions button')[1],
             one.blocked ? 'Unblock' : 'Block');
        labelled(e, name);
    }
}


// Alerts and changes.

function showEvents(name, rows, keyOf, say, empty)
{
    list(name, rows, keyOf, () => element('li', {},
        element('p', {}, element('span', {}), element('br', {}),
                element('span', { className: 'dim' }))),
    (e, row) => {
        const [what, when] = e.querySelectorAll('span');

        text(what, say(row));
        text(when, [clock(row.time), row.changed_by, row.reason]
                   .filter(Boolean).join(', '));
    }, empty);
}


function alertWords(row)
{
    return `${row.event.replaceAll('_', ' ')}: ${row.scope} ${row.subject}`
           + (row.threshold ? `, ${row.threshold}%` : '');
}


function changeWords(row)
{
    const before = row.before || {};
    const after = row.after || {};
    const what = row.kind === 'key'
        ? after.key_alias || before.key_alias || after.key_name
          || before.key_name || row.id
        : row.id;

    // of nginx.conf the line is what comes and goes, not whom it limits

    const kind = row.changed_by === 'nginx.conf' ? row.action : row.kind;

    if (!row.before || !row.after) {
        return `${kind} ${what} ${row.before ? 'deleted' : 'made'}`;
    }

    const members = new Set([...Object.keys(before), ...Object.keys(after)]);
    const changed = [...members].filter((name) => !name.startsWith('updated_')
        && JSON.stringify(before[name]) !== JSON.stringify(after[name]));

    return `${kind} ${what}: `
           + (changed.map((name) => `${name} ${shown(before[name])} to `
                                    + shown(after[name])).join(', ')
              || 'nothing changed');
}


function shown(value)
{
    return value === undefined || value === null ? 'none'
         : typeof value === 'object' ? JSON.stringify(value) : String(value);
}
