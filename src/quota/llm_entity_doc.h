
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ENTITY_DOC_H_INCLUDED_
#define _LLM_ENTITY_DOC_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include <jansson.h>

#include "llm_record.h"


/*
 * An entity's document, which the store keeps and the admin API made, as a
 * record.  Members have LiteLLM's names:
 *
 *     max_budget, budget_duration, soft_budget, budget_limits, rpm_limit,
 *     tpm_limit, max_parallel_requests, temp_budget_increase,
 *     temp_budget_expiry, throttle_on_budget_exceeded (true, or a percent),
 *     models, access_group_ids, blocked, expires, team_id, user_id, budget_id,
 *     key_alias, team_alias, user_alias, alias, model_rpm_limit,
 *     model_tpm_limit, model_max_budget, priority;
 *     of a team also team_member_budget, team_member_budget_duration,
 *     team_member_rpm_limit, team_member_tpm_limit;
 *     of a team_member also max_budget_in_team, in the place of max_budget;
 *     of an access_group models or model_names;
 *     of a key also replaced_by and counts_as, the ids of other keys.
 *
 * Those of LiteLLM that it keeps in "metadata" are found there, too:
 * model_rpm_limit, model_tpm_limit, temp_budget_increase, temp_budget_expiry,
 * throttle_on_budget_exceeded, priority.  A member that is absent is not
 * named; null lifts what the configuration limits; others are somebody else's.
 *
 * Money is exact to the nano-dollar: of a JSON number the decimal text that
 * its 15 significant digits have, which is the one that was written; a number
 * in a string is taken as it stands.
 *
 * A key that was regenerated: the document of the new id has counts_as, the
 * id whose counters and ledger it goes on with; that of the old one has
 * replaced_by, the new id, and expires, the end of its grace.
 */


#define LLM_ENTITY_ERROR     256     /* bytes of an error's text */


/*
 * Reads a document; returns 0, or -1 with what is wrong in a sentence that
 * names the member, terminated, in error, which has LLM_ENTITY_ERROR bytes.
 */
int llm_entity_doc(llm_record_t *record, llm_entity_kind_e kind,
    const json_t *doc, char *error);

/* Likewise from its text. */
int llm_entity_text(llm_record_t *record, llm_entity_kind_e kind,
    const u_char *json, size_t n, char *error);


#endif /* _LLM_ENTITY_DOC_H_INCLUDED_ */
