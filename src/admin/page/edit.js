// What is made and changed.  A field is [member, label, type, value]; an empty
// one of a change lifts the limit, of what is new it says nothing.

const limitFields = (from) => [
    ['max_budget', 'Budget in USD', 'money', from.max_budget],
    ['budget_duration', 'Budget period, such as 1d or 1mo', 'text',
     from.budget_duration],
    ['rpm_limit', 'Requests a minute', 'count', from.rpm_limit],
    ['tpm_limit', 'Tokens a minute', 'count', from.tpm_limit],
    ['max_parallel_requests', 'Running at once', 'count',
     from.max_parallel_requests],
];


let submit = null;

function dialog(title, words, fields, save, run)
{
    text($('dialog-title'), title);
    text($('dialog-text'), words);
    text($('edit-error'), '');
    text($('save'), save);
    text($('cancel'), run ? 'Cancel' : 'Close');
    $('save').hidden = !run;
    $('save').disabled = false;

    $('fields').replaceChildren(...fields.map(([name, label, type, value]) =>
        element('label', {}, label, element('input', {
            name, defaultValue: value ?? '', autocomplete: 'off',
            inputMode: type === 'money' ? 'decimal'
                       : type === 'count' ? 'numeric' : 'text',
            pattern: type === 'money' ? '[0-9]*[.]?[0-9]*'
                     : type === 'count' ? '[0-9]*' : '.*',
            required: type === 'needed',
        }))));

    submit = run && (() => run(read(fields)));

    if (!$('dialog').open) {
        $('dialog').showModal();
    }
}


// What differs from before; and the reason, which goes into the audit.

function read(fields)
{
    const body = {};
    let reason = '';

    for (const [name, , type, before] of fields) {
        const value = $('fields').querySelector(`[name=${name}]`).value.trim();

        if (name === 'reason') {
            reason = value;

        } else if (value !== String(before ?? '')) {
            body[name] = value === '' ? null
                       : type === 'money' || type === 'count' ? Number(value)
                       : value;
        }
    }

    return { body, path: (path) => path + (reason ? '?' + query({ reason })
                                                  : '') };
}


const reasonField = ['reason', 'Reason, for the audit', 'text', ''];


// One of the configuration is overridden by one that is made.

function made(team)
{
    return team && team.entity && team.entity.source !== 'config';
}


function editTeam(team)
{
    const known = made(team) && team.entity;
    const id = ['team_id', 'Name', 'needed', team ? team.id : ''];
    const fields = [...(team ? [] : [id]), ...limitFields(known || {}),
                    reasonField];

    dialog(team ? `Change team ${team.name}` : 'New team',
           team && !known ? 'Its limits are those of the configuration so far.'
                            + ' What is empty stays as it is.' : '',
           fields, 'Save', async ({ body, path }) => {
        if (team) {
            body.team_id = team.id;
        }

        await call(path(known ? '/team/update' : '/team/new'), body);

        return `Team ${body.team_id} is saved.`;
    });
}


function blockTeam(team)
{
    const verb = team.blocked ? 'Unblock' : 'Block';

    dialog(`${verb} team ${team.name}`,
           team.blocked ? '' : 'Its requests will be refused at once.',
           [reasonField], verb, async ({ path }) => {
        if (!made(team)) {
            await call(path('/team/new'), { team_id: team.id });
        }

        await call(path(team.blocked ? '/team/unblock' : '/team/block'),
                   { team_id: team.id });

        return `Team ${team.name} is ${team.blocked ? 'un' : ''}blocked.`;
    });
}


function newKey(team)
{
    dialog('New key', '', [
        ['key_alias', 'Name', 'text', ''],
        ['team_id', 'Team', 'text', ''],
        ['user_id', 'User', 'text', ''],
        ['duration', 'Valid for, such as 30d', 'text', ''],
        ...limitFields({}), reasonField,
    ], 'Make the key', async ({ body, path }) => {
        const made = await call(path('/key/generate'), body);

        dialog('The new key', 'Copy it now: it is shown this once.', [], '',
               null);
        $('fields').append(element('code', { textContent: made.key }));

        return 'The key is made.';
    });

    $('fields').querySelector('[name=team_id]').value = team || '';
}


function editKey(one)
{
    dialog(`Change key ${one.key_alias || one.key_name}`, '', [
        ['key_alias', 'Name', 'text', one.key_alias],
        ['team_id', 'Team', 'text', one.team_id],
        ...limitFields(one), reasonField,
    ], 'Save', async ({ body, path }) => {
        await call(path('/key/update'), { key: one.token, ...body });

        return 'The key is saved.';
    });
}


function blockKey(one)
{
    const verb = one.blocked ? 'Unblock' : 'Block';

    dialog(`${verb} key ${one.key_alias || one.key_name}`,
           one.blocked ? '' : 'Its requests will be refused at once.',
           [reasonField], verb, async ({ path }) => {
        await call(path(one.blocked ? '/key/unblock' : '/key/block'),
                   { key: one.token });

        return `The key is ${one.blocked ? 'un' : ''}blocked.`;
    });
}


async function saveEdit(event)
{
    event.preventDefault();

    if (!submit) {
        return;
    }

    const run = submit;

    $('save').disabled = true;
    text($('edit-error'), '');

    try {
        text($('said'), await run());

        if (submit === run) {
            $('dialog').close();
        }

        startPolling();

    } catch (error) {
        text($('edit-error'), error.message);

    } finally {
        $('save').disabled = false;
    }
}


$('login').addEventListener('submit', (event) => {
    event.preventDefault();
    enter($('key').value.trim());
});

$('edit').addEventListener('submit', saveEdit);
$('cancel').addEventListener('click', () => $('dialog').close());
$('leave').addEventListener('click', () => leave());
$('new-team').addEventListener('click', () => editTeam());
$('new-key').addEventListener('click', () => newKey());
$('more-keys').addEventListener('click', () => {
    keyPages++;
    attempt(loadRest);
});

document.addEventListener('visibilitychange', () => {
    if (key && !document.hidden && !$('board').hidden) {
        startPolling();
    }
});

if (sessionStorage.getItem(stored)) {
    enter(sessionStorage.getItem(stored));

} else {
    $('login').hidden = false;
    $('key').focus();
}
