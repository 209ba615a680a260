// Polling.

async function loadStatus()
{
    const mine = round;
    const status = await call('/quota/status' + (admin ? '?scope=team' : ''));

    if (mine === round) {
        last.status = status;
        showTeams();
    }
}


async function loadRest()
{
    const mine = round;
    const now = Date.parse(last.status.time);
    const dates = { start_date: day(now - 31 * 86400000),
                    end_date: day(now + 86400000) };
    const [logs, alerts, audit, entities] = await Promise.all([
        call('/spend/logs?' + query(dates)),
        call('/alerts?limit=10'),
        call('/audit?limit=10'),
        admin ? adminEntities(now) : ownEntities(),
    ]);

    if (mine !== round) {
        return;
    }

    Object.assign(last, entities);

    if (!admin) {
        last.months = ownMonth(logs, now);
    }

    showTeams();
    showSpend(logs, now);
    showKeys(last.keys, last.total);
    showEvents('alerts', alerts.alerts, (row) => row.id, alertWords,
               'There was no alert.');
    showEvents('audit', audit.audit, (row) => String(row.number), changeWords,
               'Nothing was changed.');
}


async function adminEntities(now)
{
    const dates = { start_date: day(month(now).starts_at),
                    end_date: day(now + 86400000), group_by: 'team' };
    const pages = Array.from({ length: keyPages }, (_, i) => call('/key/list?'
        + query({ return_full_object: true, size: keysOfPage, page: i + 1 })));
    const [list, report, ...keys] = await Promise.all([
        call('/team/list'), call('/global/spend/report?' + query(dates)),
        ...pages]);
    const months = new Map();

    for (const { teams: some } of report) {
        for (const team of some) {
            months.set(team.team_name, (months.get(team.team_name) || 0)
                                       + team.total_spend);
        }
    }

    return { teams: list, months, keys: keys.flatMap((page) => page.keys),
             total: keys[0].total_count };
}


// What the key's logs come to, all of which are of its own.

function ownMonth(logs, now)
{
    const from = day(month(now).starts_at);

    return [[own.id, logs.filter((log) => log.startTime >= from)
                         .reduce((sum, log) => sum + log.spend, 0)]];
}


// A team may be nobody's but the configuration's.

async function ownEntities()
{
    if (own.scope === 'team') {
        try {
            const { team_info: team, keys } =
                await call('/team/info?' + query({ team_id: own.id }));

            return { teams: [team], keys, total: keys.length };

        } catch (error) {
            if (error.status !== 404) {
                throw error;
            }
        }
    }

    const { info } = await call('/key/info');

    return { teams: [], keys: [{ ...info, token: own.id }], total: 1 };
}


// One at a time, again after a while, not while nobody looks.

async function poll(load, pause, mine)
{
    if (mine !== round) {
        return;
    }

    if (!document.hidden) {
        await attempt(load);
    }

    if (mine === round) {
        timers.push(setTimeout(() => poll(load, pause, mine), pause));
    }
}


async function attempt(load)
{
    try {
        await load();
        text($('notice'), '');

    } catch (error) {
        if (error.status === 401) {
            leave(error.message);
            return;
        }

        text($('notice'), `${error.message} What is shown may be old; this `
                          + 'page tries again.');
    }
}


function startPolling()
{
    stopPolling();

    const mine = round;

    poll(loadStatus, every.status, mine)
        .then(() => poll(loadRest, every.rest, mine));
}


function stopPolling()
{
    round++;
    timers.forEach(clearTimeout);
    timers = [];
}


// Signing in and out.

async function enter(value)
{
    key = value;
    $('enter').disabled = true;
    text($('login-error'), '');

    try {
        const status = await call('/quota/status');

        admin = status.role === 'admin';
        writer = admin && !status.readonly;
        own = status.subjects[0]
              && status.subjects.find((s) => s.scope === 'team')
              || status.subjects.find((s) => s.scope === 'key');
        last = { status };

    } catch (error) {
        key = null;
        sessionStorage.removeItem(stored);
        $('login').hidden = false;
        text($('login-error'), error.message);
        $('key').focus();
        return;

    } finally {
        $('enter').disabled = false;
    }

    sessionStorage.setItem(stored, value);
    $('key').value = '';
    $('login').hidden = true;
    $('board').hidden = false;
    $('leave').hidden = false;
    text($('teams-title'), admin ? 'Teams' : own.scope === 'team'
                                             ? 'Your team' : 'Your key');

    document.querySelectorAll('.admin').forEach((e) => {
        e.hidden = !writer;
    });

    startPolling();
}


function leave(why)
{
    stopPolling();
    sessionStorage.removeItem(stored);

    key = null;
    last = {};
    keyPages = 1;

    if ($('dialog').open) {
        $('dialog').close();
    }

    for (const name of ['teams', 'models', 'users', 'keys', 'alerts',
                        'audit'])
    {
        list(name, [], null, null, null, 'Loading…');
    }

    $('now').replaceChildren();
    $('days').replaceChildren();
    $('days').hidden = true;
    text($('who'), '');
    text($('notice'), '');
    $('board').hidden = true;
    $('leave').hidden = true;
    $('login').hidden = false;
    text($('login-error'), why || '');
    $('key').focus();
}
