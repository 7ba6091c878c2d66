// SPDX-License-Identifier: Apache-2.0
// Generated from the house's OpenAPI document by `npm run gen`. Do not edit.

export interface paths {
    "/api/supervisor/agents/api-key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the key of the agent API */
        get: operations["agent_api_key_get_api_supervisor_agents_api_key"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/agents/api-key/regenerate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Replace the key of the agent API; clients with the old one are refused */
        post: operations["agent_regenerate_key_post_api_supervisor_agents_api_key_regenerate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/agents/built-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the agents: built-in ones and those of the home; presets are under preset list */
        get: operations["agent_list_get_api_supervisor_agents_built_in"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/agents/presets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the presets of agents */
        get: operations["preset_list_get_api_supervisor_agents_presets"];
        put?: never;
        /** Make a preset: an agent with a name, a prompt and tools of its own */
        post: operations["preset_add_post_api_supervisor_agents_presets"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/agents/presets/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take a preset away; the answer shows what it was */
        delete: operations["preset_delete_delete_api_supervisor_agents_presets_name"];
        options?: never;
        head?: never;
        /** Change a preset */
        patch: operations["preset_update_patch_api_supervisor_agents_presets_name"];
        trace?: never;
    };
    "/api/supervisor/agents/presets/{name}/tools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the tools of a preset, and which of them run without approval */
        get: operations["preset_tools_get_api_supervisor_agents_presets_name_tools"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/agents/regenerate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Replace the key of the agent API; clients with the old one are refused */
        post: operations["agent_regenerate_key_post_api_supervisor_agents_regenerate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/config/master": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show master_config.json */
        get: operations["config_master_get_api_supervisor_config_master"];
        put?: never;
        /**
         * Change master_config.json by a whole or partial document
         * @description Objects are joined, null takes a member away, everything else is replaced. A field that holdfast.yaml pins is refused. Fields that Holdfast does not know are kept.
         */
        post: operations["config_master_set_post_api_supervisor_config_master"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/extensions/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show one extension: manifest, state, units, ports, tools, keys */
        get: operations["extension_show_get_api_supervisor_extensions_name"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Tell whether the house and its services run */
        get: operations["house_health_get_api_supervisor_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/keys/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a key out of .env; `keys restore` brings it back */
        post: operations["keys_delete_post_api_supervisor_keys_delete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/keys/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the keys in .env, values masked */
        get: operations["keys_list_get_api_supervisor_keys_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/keys/required": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List who asks for which key, and whether it is set */
        get: operations["keys_required_get_api_supervisor_keys_required"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/keys/set": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set a key in .env
         * @description The value comes by prompt, standard input or file, never as an argument. The value it replaces is kept 30 days for `keys restore`.
         */
        post: operations["keys_set_post_api_supervisor_keys_set"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/keys/upload-env": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Merge the keys of another .env file */
        post: operations["keys_upload_post_api_supervisor_keys_upload_env"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/remote-mcp/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take a remote MCP server and its authorization away */
        delete: operations["remote-mcp_delete_delete_api_supervisor_remote_mcp_name"];
        options?: never;
        head?: never;
        /** Change a remote MCP server, or switch it or its tools on and off */
        patch: operations["remote-mcp_update_patch_api_supervisor_remote_mcp_name"];
        trace?: never;
    };
    "/api/supervisor/remote-mcp/add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add a remote MCP server, whose tools join the catalogue
         * @description The house sends requests, and the key, to this URL and to no other place. What the server's tools say is pinned at first sight.
         */
        post: operations["remote-mcp_add_post_api_supervisor_remote_mcp_add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/remote-mcp/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the remote MCP servers and how they stand */
        get: operations["remote-mcp_list_get_api_supervisor_remote_mcp_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the units in the form of the services table */
        get: operations["unit_services_get_api_supervisor_services"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/services/{unit}/restart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Restart a unit and wait for fresh proof of its health */
        post: operations["unit_restart_post_api_supervisor_services_unit_restart"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/services/{unit}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a unit and clear its hold
         * @description Waits until the unit is proven up: ready, and healthy once where it has a health check.
         */
        post: operations["unit_start_post_api_supervisor_services_unit_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/services/{unit}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop a unit and hold it until unit.start
         * @description Nothing restarts a held unit, not even the next start of the house.
         */
        post: operations["unit_stop_post_api_supervisor_services_unit_stop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/shutdown": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop every unit and end the house, which stays down until up
         * @description Neither the watch nor a service that starts with the machine starts it again; `holdfast up` does. Workers are left to finish. Where the house has died, what it left is ended; where it does not answer, it is ended too.
         */
        post: operations["house_shutdown_post_api_supervisor_shutdown"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/supervisor/tools/all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the tools by extension, in the form of existing hub clients */
        get: operations["tool_all_get_api_supervisor_tools_all"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent/api_key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show the key of the agent API */
        post: operations["agent_api_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the agents: built-in ones and those of the home; presets are under preset list */
        post: operations["agent_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent/regenerate_key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Replace the key of the agent API; clients with the old one are refused */
        post: operations["agent_regenerate_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show what one agent may do: tools, tier, secrets, budget, sandbox, bounds */
        post: operations["agent_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent/trace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show what requests to agents did: plans, tool calls, timings, tokens
         * @description The newest 2,000 of the last 14 days are kept, over restarts of the house.
         */
        post: operations["agent_trace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent/traces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List what was asked of agents, newest first */
        post: operations["agent_traces"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approval/allow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Allow a waiting request, after confirming its inventory
         * @description Shows what an action would destroy and asks for each category, as if you had asked yourself. It runs with your standing. A tool call of an agent is made at once, with the standing of whoever asked the agent; its result waits for them.
         */
        post: operations["approval_allow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approval/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deny a waiting request */
        post: operations["approval_deny"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approval/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List requests that wait for a person's answer */
        post: operations["approval_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approval/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show one request with all that it asks for
         * @description Nothing is cut or left out: only what is secret is masked, and characters that nobody sees are written as their numbers. What is shown is what is carried out when it is allowed.
         */
        post: operations["approval_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exit 0 when model calls are allowed, 3 while HALT stands
         * @description From the command line it reads the flag and nothing else, within milliseconds, whether or not a house runs. `test -e var/breaker/HALT_FLAG` tells the same.
         */
        post: operations["breaker_check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/halt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Halt every model call and dispatch at once
         * @description A HALT by a person stands until a person resumes it; one by the breaker may end by itself after its cooldown. With a scope it halts one tenant or key and nobody else.
         */
        post: operations["breaker_halt"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List what the breaker did, newest first */
        post: operations["breaker_history"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/install_hooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a coding agent stop while HALT stands
         * @description Writes hooks into the agent's own settings and leaves all else there as it is. Twice does nothing more; uninstall-hooks takes them out. Codex runs a hook only after a person has trusted it there: type /hooks in Codex.
         */
        post: operations["breaker_install_hooks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a HALT
         * @description Refused while the burn is at a cap: change the thresholds first, or force it. A forced resume suspends judging for one hour.
         */
        post: operations["breaker_resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/set_thresholds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the caps and how the breaker acts on them
         * @description Fields that are left out stay as they are. With a scope the caps are that tenant's or key's own, whose HALT is theirs alone; both 0 takes them away.
         */
        post: operations["breaker_set_thresholds"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show how the breaker stands: burn, caps, HALT, who judges */
        post: operations["breaker_status"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/thresholds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show the caps and how the breaker acts on them */
        post: operations["breaker_thresholds"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/tick": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Judge the burn now */
        post: operations["breaker_tick"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/uninstall_hooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take the hooks out of a coding agent's settings */
        post: operations["breaker_uninstall_hooks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/budget/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let one waiting call pass
         * @description It holds for this call alone, which may then spend what it needs.
         */
        post: operations["budget_approve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/budget/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Refuse one waiting call */
        post: operations["budget_deny"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/budget/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List what happened to budgets, newest first */
        post: operations["budget_history"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/budget/parked": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the calls that wait for approval */
        post: operations["budget_parked"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/budget/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take away what `budget set` set; what holdfast.yaml says holds again */
        post: operations["budget_remove"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/budget/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show every budget: quota, activity, archived by resets, reserved, left
         * @description Activity is what the ledger's rows say; what counts against the quota is activity without what resets archived. A line is reconciled when the sums in memory agree with the rows to the token.
         */
        post: operations["budget_report"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/budget/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin a scope's budgets anew: what was spent is archived, not lost
         * @description What is reserved by calls under way stays reserved. Reports and the history keep showing what was archived.
         */
        post: operations["budget_reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/budget/set": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set a budget; what is left out stays as it is
         * @description It lies over what holdfast.yaml says, from now on and after a restart. 0 allows nothing. A budget of money refuses models whose price is not known.
         */
        post: operations["budget_set"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cache/clear": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Forget every answer that is kept for identical requests
         * @description A change of section models does so too. Whether answers are kept is models.cache.on.
         */
        post: operations["cache_clear"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/client/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * List the MCP clients that are known
         * @description A client registered itself, or is known by the address of its metadata document. Being known opens nothing: grants do.
         */
        post: operations["client_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/client/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Forget an MCP client and end all its access, at once
         * @description Give the client's id, or as much of its beginning as is unique.
         */
        post: operations["client_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Check the configuration and tell every problem with its place */
        post: operations["config_check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config/master": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show master_config.json */
        post: operations["config_master"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config/master_set": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change master_config.json by a whole or partial document
         * @description Objects are joined, null takes a member away, everything else is replaced. A field that holdfast.yaml pins is refused. Fields that Holdfast does not know are kept.
         */
        post: operations["config_master_set"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read the configuration again; an invalid one changes nothing */
        post: operations["config_reload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config/schema": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Print the JSON Schema of holdfast.yaml for editors */
        post: operations["config_schema"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show the configuration and where each value came from */
        post: operations["config_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cooldown/clear": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let models be asked again at once
         * @description Of one model, of all of a provider (PROVIDER/), or of an alias; of all when none is named.
         */
        post: operations["cooldown_clear"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cooldown/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the models that failed lately and are left out of their chains */
        post: operations["cooldown_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/edge/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the front door's configuration and route table
         * @description Caddy holds sockets, TLS and compression; the routes are a table that the house streams to the edge, so that a change of routes ends no connection.
         */
        post: operations["edge_config"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/extension/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an extension what its files ask for beyond what it was granted
         * @description An extension may write its own folder, and so ask for more than it had when it was installed. That waits until a person names it here, as extension.show lists it under asks: key:NAME for a key, network, folder for writing its own folder, unasked:TOOL for a tool that agents run without asking.
         */
        post: operations["extension_accept"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/extension/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Delete an extension: its units stop, its folder, data and settings go to the trash */
        post: operations["extension_delete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/extension/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop using an extension; its folder, data and ports stay */
        post: operations["extension_disable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/extension/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Use an extension: start its units, offer its tools, mount its pages */
        post: operations["extension_enable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/extension/install": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Install the Python packages that an extension's requirements.txt asks for
         * @description They go into an environment of their own, which takes the place of the one before when it is complete; a failure leaves that as it was. The extension's processes start again with it. What was installed from the same requirements before is installed again to the byte.
         */
        post: operations["extension_install"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/extension/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the extensions and how they stand */
        post: operations["extension_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/extension/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show one extension: manifest, state, units, ports, tools, keys */
        post: operations["extension_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/extension/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read the extensions again and bring their settings together with master_config.json */
        post: operations["extension_sync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/gateway/end_rehearsal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a rehearsal before its time */
        post: operations["gateway_end_rehearsal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/gateway/rehearse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a live model seem to fail for a while, to see the house fall back, without spending
         * @description The fault stands in front of the provider, which is not asked: 429, 500, timeout (silence), slow, cut (in the middle) or empty. Everything that follows is real: the model cools down, the next in the chain answers, clients see what they would see. Slow and cut answer with a rehearsed text. It ends by itself, and with the house; its cooldowns end with it, and true ones are as they were.
         */
        post: operations["gateway_rehearse"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/grant/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List what MCP clients were given access to, by whom, and when it was last used */
        post: operations["grant_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/grant/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End an MCP client's access, at once and with all it has open
         * @description Give the grant's id, or as much of its beginning as is unique, or --all.
         */
        post: operations["grant_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/guards": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Print the guard table: which guards judge which actions */
        post: operations["house_guards"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/handover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Go on as the new program, in the same process, with the units running
         * @description A part of `holdfast upgrade`, which asks for it.
         */
        post: operations["house_handover"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell whether the house and its services run */
        post: operations["house_health"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/replace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Note that an upgrade begins, and tell what it finds
         * @description A part of `holdfast upgrade`, which asks for it.
         */
        post: operations["house_replace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/replaced": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Note how an upgrade ended
         * @description A part of `holdfast upgrade`, which asks for it.
         */
        post: operations["house_replaced"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Report what is observed, what it means, and what to do about it
         * @description Each part of the house reports of itself. Observed are facts with their time and source; what they mean, and what an operator may do about it, stand apart from them.
         */
        post: operations["house_report"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/routes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Print what is served where, and how each route knows its caller */
        post: operations["house_routes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/shutdown": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop every unit and end the house, which stays down until up
         * @description Neither the watch nor a service that starts with the machine starts it again; `holdfast up` does. Workers are left to finish. Where the house has died, what it left is ended; where it does not answer, it is ended too.
         */
        post: operations["house_shutdown"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show how the house stands */
        post: operations["house_status"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/tiers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Print who is what: callers, tiers and what each may do */
        post: operations["house_tiers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/journal/archive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Move the months that are old enough out of the table now
         * @description The running house does it once a day. Whole months older than journal.keep move to compressed files in var/journal, which journal verify goes on to verify.
         */
        post: operations["journal_archive"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/journal/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Write entries to a file of JSON lines that verify by themselves */
        post: operations["journal_export"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/journal/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show what happened, newest entries last */
        post: operations["journal_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/journal/show/follow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what happened, newest entries last, then follow what comes */
        get: operations["journal_show_follow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/journal/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Walk the hash chain and name the first broken entry */
        post: operations["journal_verify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/key/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an API key; it is shown once
         * @description Its bearer calls models, agents and tools as an agent of its owner's name, or as a tenant. Its budget is that of the scope key:NAME: `holdfast budget set key:NAME`.
         */
        post: operations["key_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/key/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the API keys, without their values */
        post: operations["key_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/key/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revoke an API key; it can come back from the trash */
        post: operations["key_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/key/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make an API key anew; the old one stays valid for a while */
        post: operations["key_rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/key/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show one API key, without its value */
        post: operations["key_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/key/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change what an API key may do; what is left out stays as it is
         * @description It holds from the next call on. AGENT_API_KEY can be limited too.
         */
        post: operations["key_update"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a key out of .env; `keys restore` brings it back */
        post: operations["keys_delete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the keys in .env, values masked */
        post: operations["keys_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/required": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List who asks for which key, and whether it is set */
        post: operations["keys_required"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Bring back the value that the last change of a key replaced */
        post: operations["keys_restore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/set": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set a key in .env
         * @description The value comes by prompt, standard input or file, never as an argument. The value it replaces is kept 30 days for `keys restore`.
         */
        post: operations["keys_set"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Merge the keys of another .env file */
        post: operations["keys_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/link/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a one-time link that opens the Hub
         * @description The link works once, within ten minutes, and logs the browser that opens it in as operator. Anyone who has it can use it, so give it to nobody.
         */
        post: operations["link_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/log/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show the last lines of units' logs, merged by time */
        post: operations["log_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/log/show/follow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the last lines of units' logs, merged by time, then follow what comes */
        get: operations["log_show_follow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/mcp-hub/add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add a hub
         * @description It answers at /mcp/NAME to who has its key, which `mcp-hub key NAME` makes.
         */
        post: operations["mcp-hub_add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/mcp-hub/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete a hub, its key, and the access that clients were given at it
         * @description `keys restore` brings the key back for 30 days.
         */
        post: operations["mcp-hub_delete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/mcp-hub/key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a hub another key, and show it once
         * @description The key before opens nothing from now on; it stands in .env.
         */
        post: operations["mcp-hub_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/mcp-hub/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the hubs: named sets of tools with their own URL and key */
        post: operations["mcp-hub_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/mcp-hub/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show one hub and the tools that its clients see */
        post: operations["mcp-hub_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/mcp-hub/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change a hub */
        post: operations["mcp-hub_update"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/model/ask": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask a model one thing, through the gateway like any client
         * @description The call is reserved, routed, counted and booked under the caller's name, as every other. While HALT stands it is refused with exit 3; HOLDFAST_BREAKER_BYPASS=1 before the command lets this one call pass at the owner's terminal, journaled and told as an alert.
         */
        post: operations["model_ask"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/model/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the models: aliases as configured, as chosen now, as answered last; and agents */
        post: operations["model_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/model/policy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show who answers which model name: configured, effective, actual, what cools down, what to mind
         * @description Configured is what holdfast.yaml says, effective who is asked first now, actual who answered last. A newer Holdfast proposes its own choice of models here and never applies it.
         */
        post: operations["model_policy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/operation/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the step under way and undo what was done */
        post: operations["operation_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/operation/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List operations, newest first */
        post: operations["operation_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/operation/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show one operation with its steps */
        post: operations["operation_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/operation/show/follow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show one operation with its steps, then follow what comes */
        get: operations["operation_show_follow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/preset/add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a preset: an agent with a name, a prompt and tools of its own */
        post: operations["preset_add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/preset/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a preset away; the answer shows what it was */
        post: operations["preset_delete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/preset/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the presets of agents */
        post: operations["preset_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/preset/tools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the tools of a preset, and which of them run without approval */
        post: operations["preset_tools"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/preset/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change a preset */
        post: operations["preset_update"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/price/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * List the prices of models, the operator's own first
         * @description Prices are US dollars for a million tokens. Your own stand in holdfast.yaml, section prices.
         */
        post: operations["price_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/price/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show what a model costs and where its price comes from
         * @description The model is provider/model, as the ledger shows it. A model without a price is said to be unknown; it is never taken for free.
         */
        post: operations["price_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/prompt/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the prompts of tool servers and skills */
        post: operations["prompt_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/remote-mcp/add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add a remote MCP server, whose tools join the catalogue
         * @description The house sends requests, and the key, to this URL and to no other place. What the server's tools say is pinned at first sight.
         */
        post: operations["remote-mcp_add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/remote-mcp/authorize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for access to a remote MCP server by OAuth
         * @description It answers the page on which a person grants access; the browser then comes back to the house, which keeps the tokens.
         */
        post: operations["remote-mcp_authorize"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/remote-mcp/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a remote MCP server and its authorization away */
        post: operations["remote-mcp_delete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/remote-mcp/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the remote MCP servers and how they stand */
        post: operations["remote-mcp_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/remote-mcp/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change a remote MCP server, or switch it or its tools on and off */
        post: operations["remote-mcp_update"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/resource/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the resources of tool servers and skills */
        post: operations["resource_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/service/install": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make this house a service that the system starts and watches
         * @description Writes a systemd unit, a launchd property list or an rc.d script, and enables it for the next boot where the system answers. The house comes up with `up --boot`, which keeps to `down` and to units that were stopped. A file of that name that Holdfast did not write, or that was changed by hand, stays.
         */
        post: operations["service_install"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/service/uninstall": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take the house out of the system's services; the home and all data stay
         * @description A house that runs goes on until `holdfast down`.
         */
        post: operations["service_uninstall"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the browsers that are logged in */
        post: operations["session_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log a browser out, at once and with all it has open
         * @description Give the session's id, or as much of its beginning as is unique, or --all.
         */
        post: operations["session_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/skill/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * List the skills of the home and of extensions
         * @description A skill is a folder with a SKILL.md in skills/ of the home or of an extension.
         */
        post: operations["skill_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/skill/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show a skill, or a file of its folder */
        post: operations["skill_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/telemetry/scan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Look at the logs of coding agents now */
        post: operations["telemetry_scan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/telemetry/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show which logs of coding agents are followed */
        post: operations["telemetry_status"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/template/add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add an agent as a unit whose model calls go through the gateway
         * @description It gets a key for the gateway that opens one model, a budget, a sandbox, a health check and a folder of its own. What is written may be edited: agents/NAME and holdfast.d/NAME.yaml.
         */
        post: operations["template_add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/template/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the templates of agents that were written elsewhere */
        post: operations["template_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/template/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take an agent of a template out of the house: its unit ends, its keys open nothing any more
         * @description Nothing is destroyed: what it wrote stays in agents/NAME, its declaration beside the others as NAME.yaml.removed.
         */
        post: operations["template_remove"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/template/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show one template, its files, and whether its program is there */
        post: operations["template_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/blocks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the blocks of five hours in which coding agents' plans count
         * @description A block begins with the hour of the first call after the one before. The block under way is projected at its own rate.
         */
        post: operations["token_blocks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the latest calls */
        post: operations["token_calls"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Read calls from a file of JSON lines
         * @description A mapping says where each field stands: field=path, with points between the names of nested members, or field="text for all lines". Fields: time, key, session, agent, project, provider, model, input, cached_read, cache_write_5m, cache_write_1h, output, reasoning, response_id, cost (US dollars). Without key a line's own text is its key. A file that is imported again changes nothing.
         */
        post: operations["token_import"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * List the sessions of agents, the last active first
         * @description A session is what a coding agent, or a client of the gateway, calls one.
         */
        post: operations["token_sessions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/statusline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Print one line for a coding agent's prompt
         * @description From the command line it reads the agent's own JSON on standard input when there is one, starts nothing and asks no house: in Claude Code's settings, "statusLine": {"type": "command", "command": "holdfast tokens statusline"}.
         */
        post: operations["token_statusline"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the tokens burned today, in the last hour, by agent, by model and by hour
         * @description Burn counts every class of tokens, cached reads included. Estimated calls are those whose usage the provider never told. A cost leaves out the calls whose price is not known, and says how many.
         */
        post: operations["token_summary"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add up tokens and money by agent, model, provider, day, hour, session, key, tenant, source or project
         * @description Days and hours are the operator's. What is added up by session, or of one session, are the calls that belong to one.
         */
        post: operations["token_usage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accept a tool that changed, or whose words could steer a model
         * @description A tool is pinned when it is first seen. When its words, schemas or hints change, or steer a model, it is not offered until a person accepts it: `holdfast tool show NAME` tells what changed. Only a person at a terminal or in the Hub may.
         */
        post: operations["tool_accept"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the tools by extension, in the form of existing hub clients */
        post: operations["tool_all"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/call": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Call a tool
         * @description The tool is called as by a program: what destroys asks for approval, even for an operator.
         */
        post: operations["tool_call"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the tools of the catalogue, and how their servers stand */
        post: operations["tool_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/restart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start a tool server anew */
        post: operations["tool_restart"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/set": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Switch a tool: whether MCP clients see it, whether agents call it without asking
         * @description The switches stand in master_config.json; hubs and presets may say otherwise for themselves.
         */
        post: operations["tool_set"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show one tool with its schema and use */
        post: operations["tool_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trash/empty": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let entries of the trash go for good */
        post: operations["trash_empty"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trash/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List what was destroyed and can come back */
        post: operations["trash_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trash/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Put an entry of the trash back where it was
         * @description Nothing is replaced: when something stands in a place meanwhile, it is named and nothing changes.
         */
        post: operations["trash_restore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/drift": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tell whether what the system runs differs from what is registered
         * @description Exit status 1 tells of services that are missing, changed or not registered, and of registered ones that could not be looked at.
         */
        post: operations["unit_drift"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show how a unit came to stand as it does */
        post: operations["unit_history"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the units and how they stand */
        post: operations["unit_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/list/follow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the units and how they stand, then follow what comes */
        get: operations["unit_list_follow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/reap": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the marked processes that no unit accounts for */
        post: operations["unit_reap"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/registry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show the registered services of the system beside what it runs */
        post: operations["unit_registry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/restart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Restart a unit and wait for fresh proof of its health */
        post: operations["unit_restart"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List the units in the form of the services table */
        post: operations["unit_services"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show one unit whole */
        post: operations["unit_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a unit and clear its hold
         * @description Waits until the unit is proven up: ready, and healthy once where it has a health check.
         */
        post: operations["unit_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop a unit and hold it until unit.start
         * @description Nothing restarts a held unit, not even the next start of the house.
         */
        post: operations["unit_stop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/strays": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List marked processes that no unit accounts for */
        post: operations["unit_strays"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show what the units use: CPU, memory, processes */
        post: operations["unit_usage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/usage/follow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what the units use: CPU, memory, processes, then follow what comes */
        get: operations["unit_usage_follow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Problem: {
            approval?: string;
            code: string;
            detail: string;
            guard?: string;
            inventory?: null | {
                action: string;
                categories: null | {
                    backup?: string;
                    items?: null | {
                        bytes?: number;
                        id: string;
                        kind: string;
                        rows?: number;
                    }[];
                    name: string;
                    production: boolean;
                    returns: string;
                    shared: boolean;
                    summary: string;
                }[];
                expires?: string;
                token?: string;
            };
            problems?: null | {
                column?: number;
                excerpt?: string;
                field?: string;
                file?: string;
                line?: number;
                message: string;
                remedy?: string;
            }[];
            reason?: string;
            remedy?: string;
            retry_after?: number;
            status: number;
            title: string;
        };
    };
    responses: {
        /** @description what was wrong, where, and what would be right */
        Problem: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    agent_api_key_get_api_supervisor_agents_api_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        api_key: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_regenerate_key_post_api_supervisor_agents_api_key_regenerate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        api_key: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_list_get_api_supervisor_agents_built_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        agents: null | {
                            /** @description how many of them run without approval */
                            alone: number;
                            /** @enum {string} */
                            kind: "built-in" | "home";
                            /** @description the alias that it plans with */
                            model: string;
                            name: string;
                            /** @description why it cannot be used, as far as is known */
                            problem?: string;
                            seconds: number;
                            steps: number;
                            summary: string;
                            tokens: number;
                            /** @description how many tools a caller of the asker's tier has with it */
                            tools: number;
                        }[];
                        /** @description what lies in agents/ and cannot be an agent */
                        problems?: null | {
                            column?: number;
                            excerpt?: string;
                            field?: string;
                            file?: string;
                            line?: number;
                            message: string;
                            remedy?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_list_get_api_supervisor_agents_presets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        presets: null | {
                            /** @description the model that it asks; empty as section agent says */
                            alias?: string;
                            base_agent: string;
                            budget: {
                                /** @description of work; waiting for approval is none */
                                seconds?: number;
                                /** @description model calls */
                                steps?: number;
                                /** @description of all model calls together */
                                tokens?: number;
                            };
                            enabled: boolean;
                            name: string;
                            /** @description why it cannot be used */
                            problem?: string;
                            system_prompt?: string;
                            tool_config?: unknown;
                            /** @description how many tools a caller of the asker's tier has with it */
                            tool_count: number;
                            /** @description names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides */
                            warnings?: null | string[];
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_add_post_api_supervisor_agents_presets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the model that it asks; empty as section agent says */
                    alias?: string;
                    /**
                     * @description what it is made of
                     * @default passthrough_agent
                     * @enum {string}
                     */
                    base_agent?: "passthrough_agent" | "simple_agent";
                    budget?: {
                        /** @description of work; waiting for approval is none */
                        seconds?: number;
                        /** @description model calls */
                        steps?: number;
                        /** @description of all model calls together */
                        tokens?: number;
                    };
                    /** @default true */
                    enabled?: boolean;
                    /** @description its name as a model */
                    name: string;
                    /** @description what the model is told before all else */
                    system_prompt?: string;
                    /** @description switches by tool: {"TOOL": {"enabled_in_mcp": true, "passthrough": false}}; "*" stands for all others, what is not said is inherited */
                    tool_config?: unknown;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the model that it asks; empty as section agent says */
                        alias?: string;
                        base_agent: string;
                        budget: {
                            /** @description of work; waiting for approval is none */
                            seconds?: number;
                            /** @description model calls */
                            steps?: number;
                            /** @description of all model calls together */
                            tokens?: number;
                        };
                        enabled: boolean;
                        name: string;
                        /** @description why it cannot be used */
                        problem?: string;
                        system_prompt?: string;
                        tool_config?: unknown;
                        /** @description how many tools a caller of the asker's tier has with it */
                        tool_count: number;
                        /** @description names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides */
                        warnings?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_delete_delete_api_supervisor_agents_presets_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the preset */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description as it was, to make it again */
                        deleted: {
                            /** @description the model that it asks; empty as section agent says */
                            alias?: string;
                            base_agent: string;
                            budget: {
                                /** @description of work; waiting for approval is none */
                                seconds?: number;
                                /** @description model calls */
                                steps?: number;
                                /** @description of all model calls together */
                                tokens?: number;
                            };
                            enabled: boolean;
                            name: string;
                            /** @description why it cannot be used */
                            problem?: string;
                            system_prompt?: string;
                            tool_config?: unknown;
                            /** @description how many tools a caller of the asker's tier has with it */
                            tool_count: number;
                            /** @description names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides */
                            warnings?: null | string[];
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_update_patch_api_supervisor_agents_presets_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the preset */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    alias?: null | string;
                    /** @enum {null|string} */
                    base_agent?: "passthrough_agent" | "simple_agent" | null;
                    budget?: null | {
                        /** @description of work; waiting for approval is none */
                        seconds?: number;
                        /** @description model calls */
                        steps?: number;
                        /** @description of all model calls together */
                        tokens?: number;
                    };
                    enabled?: null | boolean;
                    system_prompt?: null | string;
                    /** @description all its switches anew */
                    tool_config?: unknown;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the model that it asks; empty as section agent says */
                        alias?: string;
                        base_agent: string;
                        budget: {
                            /** @description of work; waiting for approval is none */
                            seconds?: number;
                            /** @description model calls */
                            steps?: number;
                            /** @description of all model calls together */
                            tokens?: number;
                        };
                        enabled: boolean;
                        name: string;
                        /** @description why it cannot be used */
                        problem?: string;
                        system_prompt?: string;
                        tool_config?: unknown;
                        /** @description how many tools a caller of the asker's tier has with it */
                        tool_count: number;
                        /** @description names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides */
                        warnings?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_tools_get_api_supervisor_agents_presets_name_tools: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the preset */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        base_agent: string;
                        name: string;
                        tool_config?: unknown;
                        tools: null | {
                            docstring: string;
                            enabled: boolean;
                            name: string;
                            /** @description runs without approval */
                            passthrough: boolean;
                            source: string;
                            /** @enum {string} */
                            tier: "public" | "tenant-peer" | "tenant-owner" | "operator" | "internal" | "owner";
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_regenerate_key_post_api_supervisor_agents_regenerate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        api_key: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    config_master_get_api_supervisor_config_master: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    config_master_set_post_api_supervisor_config_master: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        changed: null | string[];
                        message: string;
                        /** @description sections of the configuration that differ by it */
                        reload: null | {
                            applied: boolean;
                            error?: string;
                            section: string;
                        }[];
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_show_get_api_supervisor_extensions_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description name of the extension's folder */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what its files ask for beyond what it was granted; extension.accept gives it */
                        asks?: null | string[];
                        data: string;
                        enabled: boolean;
                        folder?: string;
                        manifest: {
                            auto_update: boolean;
                            description?: string;
                            enabled: boolean;
                            enforce_trailing_slash: boolean;
                            mcp?: null | {
                                args?: null | string[];
                                command: string;
                                env?: null | string[];
                            };
                            name: string;
                            required_secrets?: null | string[];
                            sandbox?: null | {
                                folder?: string;
                                network?: string;
                            };
                            source?: string;
                            strip_prefix: boolean;
                            version: string;
                        };
                        mcp_command?: null | string[];
                        missing_keys: number;
                        modules: null | string[];
                        mounts: null | {
                            own_origin: boolean;
                            path: string;
                            port: number;
                            strip_prefix: boolean;
                            trailing_slash: boolean;
                            unit: string;
                        }[];
                        name: string;
                        /**
                         * @description how these stand: installed by the house, installed before requirements.txt changed, or not installed by it; extension.install installs them
                         * @enum {string}
                         */
                        packages?: "installed" | "changed" | "missing";
                        ports: {
                            [key: string]: number;
                        };
                        problems: null | {
                            column?: number;
                            excerpt?: string;
                            field?: string;
                            file?: string;
                            line?: number;
                            message: string;
                            remedy?: string;
                        }[];
                        reason?: string;
                        required_secrets: null | {
                            key: string;
                            set: boolean;
                        }[];
                        /** @description it asks for Python packages */
                        requirements: boolean;
                        /** @description what it may reach beside the system's folders; without it the extension is free */
                        sandbox?: null | {
                            /** @enum {string} */
                            network: "on" | "off";
                            read: null | string[];
                            write: null | string[];
                        };
                        services: number;
                        source?: string;
                        /** @enum {string} */
                        state: "ready" | "disabled" | "blocked" | "broken" | "missing";
                        title: string;
                        tools: null | {
                            enabled_in_mcp: boolean;
                            name: string;
                            passthrough: boolean;
                        }[];
                        /** @description path of its page at the front door */
                        ui?: string;
                        units: null | {
                            detail?: string;
                            log?: string;
                            pid?: number;
                            port?: number;
                            restart: string;
                            state: string;
                            unit: string;
                        }[];
                        version?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_health_get_api_supervisor_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        services?: {
                            [key: string]: string;
                        };
                        /** @enum {string} */
                        status: "healthy" | "degraded";
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_delete_post_api_supervisor_keys_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the name, as in OPENAI_API_KEY */
                    key: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the keys whose value is another now */
                        changed: null | string[];
                        message: string;
                        /** @description units that see the change after a restart */
                        restart: null | string[];
                        /** @description success, when the change is on disk */
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_list_get_api_supervisor_keys_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_required_get_api_supervisor_keys_required: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        required_secrets: null | {
                            key: string;
                            set: boolean;
                            source: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_set_post_api_supervisor_keys_set: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the name, as in OPENAI_API_KEY */
                    key: string;
                    /**
                     * Format: password
                     * @description the value
                     */
                    value: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the keys whose value is another now */
                        changed: null | string[];
                        message: string;
                        /** @description units that see the change after a restart */
                        restart: null | string[];
                        /** @description success, when the change is on disk */
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_upload_post_api_supervisor_keys_upload_env: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "multipart/form-data": {
                    file: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the keys whose value is another now */
                        changed: null | string[];
                        message: string;
                        /** @description units that see the change after a restart */
                        restart: null | string[];
                        /** @description success, when the change is on disk */
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_delete_delete_api_supervisor_remote_mcp_name": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the server's name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        authorized: boolean;
                        enabled: boolean;
                        error?: string;
                        headers?: null | string[];
                        key?: string;
                        note?: string;
                        oauth: boolean;
                        server_id: string;
                        state?: string;
                        tool_count: number;
                        transport: string;
                        url: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_update_patch_api_supervisor_remote_mcp_name": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the server's name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description another id that its operator gave the house, empty to register; an authorization ends with it */
                    client_id?: null | string;
                    /** @description the name of the key of .env that holds that client's secret; empty for none */
                    client_secret_key?: null | string;
                    /** @description whether its tools are offered */
                    enabled?: null | boolean;
                    /** @description other headers */
                    headers?: {
                        [key: string]: string;
                    };
                    /** @description the name of another key of .env; empty for none */
                    key?: null | string;
                    /** @description whether it wants a person's authorization */
                    oauth?: null | boolean;
                    /** @description switches by the tools' own names: {"search": {"enabled": false}} */
                    tools?: {
                        [key: string]: {
                            enabled: null | boolean;
                        };
                    };
                    /**
                     * @description auto is streamable HTTP, and the older HTTP+SSE where the server knows nothing newer
                     * @enum {null|string}
                     */
                    transport?: "auto" | "sse" | null;
                    /** @description another endpoint; an authorization ends with it */
                    url?: null | string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        authorized: boolean;
                        enabled: boolean;
                        error?: string;
                        headers?: null | string[];
                        key?: string;
                        note?: string;
                        oauth: boolean;
                        server_id: string;
                        state?: string;
                        tool_count: number;
                        transport: string;
                        url: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_add_post_api_supervisor_remote_mcp_add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the id that its operator gave the house, where nobody can register by himself */
                    client_id?: string;
                    /** @description the name of the key of .env that holds that client's secret */
                    client_secret_key?: string;
                    /** @description sent with each request; a value of the form ${NAME} is a key of .env */
                    headers?: {
                        [key: string]: string;
                    };
                    /** @description the name of the key of .env that is sent as a bearer token */
                    key?: string;
                    /** @description its name in the house; made of the host when left out */
                    name?: string;
                    /** @description it wants a person's authorization, which remote-mcp authorize asks for */
                    oauth?: boolean;
                    /**
                     * @description auto is streamable HTTP, and the older HTTP+SSE where the server knows nothing newer
                     * @default auto
                     * @enum {string}
                     */
                    transport?: "auto" | "sse";
                    /** @description the server's endpoint */
                    url: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        authorized: boolean;
                        enabled: boolean;
                        error?: string;
                        headers?: null | string[];
                        key?: string;
                        note?: string;
                        oauth: boolean;
                        server_id: string;
                        state?: string;
                        tool_count: number;
                        transport: string;
                        url: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_list_get_api_supervisor_remote_mcp_list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        servers: null | {
                            authorized: boolean;
                            enabled: boolean;
                            error?: string;
                            headers?: null | string[];
                            key?: string;
                            note?: string;
                            oauth: boolean;
                            server_id: string;
                            state?: string;
                            tool_count: number;
                            transport: string;
                            url: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_services_get_api_supervisor_services: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: {
                            last_check: null | string;
                            pid: null | number;
                            port: null | number;
                            status: string;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_restart_post_api_supervisor_services_unit_restart: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description name of the unit */
                unit: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        kind?: string;
                        lacks?: null | string[];
                        last_check?: string;
                        log?: string;
                        name: string;
                        needs?: null | string[];
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        since: string;
                        state: string;
                        worker?: boolean;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_start_post_api_supervisor_services_unit_start: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description name of the unit */
                unit: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        kind?: string;
                        lacks?: null | string[];
                        last_check?: string;
                        log?: string;
                        name: string;
                        needs?: null | string[];
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        since: string;
                        state: string;
                        worker?: boolean;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_stop_post_api_supervisor_services_unit_stop: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description name of the unit */
                unit: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        kind?: string;
                        lacks?: null | string[];
                        last_check?: string;
                        log?: string;
                        name: string;
                        needs?: null | string[];
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        since: string;
                        state: string;
                        worker?: boolean;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_shutdown_post_api_supervisor_shutdown: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description end all at once with a grace of 2 s, in no order and without waiting for operations */
                    quick?: boolean;
                    /** @description end workers too, instead of leaving them to finish; the next up adopts those */
                    workers?: boolean;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description units of a house that had died, ended now */
                        ended?: null | string[];
                        /** @description workers that run on; the next up adopts them */
                        left?: null | string[];
                        message: string;
                        /** @enum {string} */
                        status: "stopping" | "stopped";
                        /** @description why it could not be recorded that the house stays down */
                        unrecorded?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    tool_all_get_api_supervisor_tools_all: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        extensions: {
                            [key: string]: null | {
                                docstring: string;
                                enabled: boolean;
                                name: string;
                            }[];
                        };
                        remote_mcp_servers: {
                            [key: string]: {
                                enabled: boolean;
                                server_id: string;
                                tool_count: number;
                                tools: {
                                    [key: string]: {
                                        docstring: string;
                                        enabled: boolean;
                                        name: string;
                                    };
                                };
                                url: string;
                            };
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_api_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        api_key: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        agents: null | {
                            /** @description how many of them run without approval */
                            alone: number;
                            /** @enum {string} */
                            kind: "built-in" | "home";
                            /** @description the alias that it plans with */
                            model: string;
                            name: string;
                            /** @description why it cannot be used, as far as is known */
                            problem?: string;
                            seconds: number;
                            steps: number;
                            summary: string;
                            tokens: number;
                            /** @description how many tools a caller of the asker's tier has with it */
                            tools: number;
                        }[];
                        /** @description what lies in agents/ and cannot be an agent */
                        problems?: null | {
                            column?: number;
                            excerpt?: string;
                            field?: string;
                            file?: string;
                            line?: number;
                            message: string;
                            remedy?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_regenerate_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        api_key: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description an agent or preset, from agent list */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the model that it asks */
                        alias?: string;
                        /** @description how many of them run without approval */
                        alone: number;
                        /** @description how long a call waits for approval */
                        approval_seconds: number;
                        /** @description how many wait for approval */
                        asks: number;
                        base_agent: string;
                        /** @description what it may spend, and has */
                        budgets?: unknown;
                        /** @description how many destroy */
                        destroy: number;
                        /** @description a Python module of the home */
                        home: boolean;
                        is_preset: boolean;
                        /** @description its newest requests */
                        last_traces: null | {
                            agent: string;
                            /** @description what planned */
                            alias: string;
                            caller: string;
                            error?: string;
                            id: string;
                            /** @description tool servers that were still starting, so that it had none of their tools */
                            late?: null | string[];
                            /** @description as the client asked for it */
                            model: string;
                            /** @description in a list: how many calls of models it made */
                            model_calls?: number;
                            plan?: null | {
                                /** @description when it began, in seconds after the request */
                                at: number;
                                /** @description names of the tools that it planned */
                                calls?: null | string[];
                                error?: string;
                                finish?: string;
                                seconds: number;
                                /** @description how its answer began */
                                text?: string;
                                tokens: {
                                    completion: number;
                                    prompt: number;
                                    total: number;
                                };
                            }[];
                            seconds: number;
                            started: string;
                            /** @enum {string} */
                            state: "running" | "done" | "waiting" | "stopped" | "cancelled" | "failed";
                            tokens: {
                                completion: number;
                                prompt: number;
                                total: number;
                            };
                            /** @description in a list: how many tools it called, those that wait among them */
                            tool_calls?: number;
                            tools?: null | {
                                arguments?: unknown;
                                /** @description when it began, in seconds after the request */
                                at: number;
                                id: string;
                                name: string;
                                /** @description how its result began */
                                result?: string;
                                seconds: number;
                                /** @enum {string} */
                                status: "running" | "done" | "failed" | "waiting";
                            }[];
                            /** @description its name at the collector of section traces */
                            trace_id?: string;
                        }[];
                        name: string;
                        /** @description why it cannot be used, as far as is known */
                        problem?: string;
                        /** @description bounds of one request */
                        request: {
                            /** @description of work; waiting for approval is none */
                            seconds?: number;
                            /** @description model calls */
                            steps?: number;
                            /** @description of all model calls together */
                            tokens?: number;
                        };
                        sandbox: {
                            /** @description in the house: it has no process, and does nothing but ask models and call tools; confined: a process of its own */
                            kind: string;
                            network?: string;
                            read?: null | string[];
                            write?: null | string[];
                        };
                        /** @description keys that it, or the servers of its tools, are given */
                        secrets: null | {
                            key: string;
                            set: boolean;
                            /** @description the agent itself, or an extension */
                            who: string;
                        }[];
                        system_prompt?: string;
                        tier: string;
                        /** @description what it may call for a caller of the asker's tier */
                        tools: null | {
                            destructive: boolean;
                            name: string;
                            passthrough: boolean;
                            read_only: boolean;
                            source: string;
                            /** @enum {string} */
                            tier: "public" | "tenant-peer" | "tenant-owner" | "operator" | "internal" | "owner";
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_trace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description a trace, as the header X-Holdfast-Trace of an answer names it; without it the newest are listed */
                    id?: string;
                    /**
                     * @description how many to list
                     * @default 20
                     */
                    limit?: number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        traces: null | {
                            agent: string;
                            /** @description what planned */
                            alias: string;
                            caller: string;
                            error?: string;
                            id: string;
                            /** @description tool servers that were still starting, so that it had none of their tools */
                            late?: null | string[];
                            /** @description as the client asked for it */
                            model: string;
                            /** @description in a list: how many calls of models it made */
                            model_calls?: number;
                            plan?: null | {
                                /** @description when it began, in seconds after the request */
                                at: number;
                                /** @description names of the tools that it planned */
                                calls?: null | string[];
                                error?: string;
                                finish?: string;
                                seconds: number;
                                /** @description how its answer began */
                                text?: string;
                                tokens: {
                                    completion: number;
                                    prompt: number;
                                    total: number;
                                };
                            }[];
                            seconds: number;
                            started: string;
                            /** @enum {string} */
                            state: "running" | "done" | "waiting" | "stopped" | "cancelled" | "failed";
                            tokens: {
                                completion: number;
                                prompt: number;
                                total: number;
                            };
                            /** @description in a list: how many tools it called, those that wait among them */
                            tool_calls?: number;
                            tools?: null | {
                                arguments?: unknown;
                                /** @description when it began, in seconds after the request */
                                at: number;
                                id: string;
                                name: string;
                                /** @description how its result began */
                                result?: string;
                                seconds: number;
                                /** @enum {string} */
                                status: "running" | "done" | "failed" | "waiting";
                            }[];
                            /** @description its name at the collector of section traces */
                            trace_id?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    agent_traces: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description of this agent or preset alone */
                    agent?: string;
                    /**
                     * @description how many to list
                     * @default 50
                     */
                    limit?: number;
                    /**
                     * @description in this state alone
                     * @enum {string}
                     */
                    state?: "" | "running" | "done" | "waiting" | "stopped" | "cancelled" | "failed";
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        traces: null | {
                            agent: string;
                            /** @description what planned */
                            alias: string;
                            caller: string;
                            error?: string;
                            id: string;
                            /** @description tool servers that were still starting, so that it had none of their tools */
                            late?: null | string[];
                            /** @description as the client asked for it */
                            model: string;
                            /** @description in a list: how many calls of models it made */
                            model_calls?: number;
                            plan?: null | {
                                /** @description when it began, in seconds after the request */
                                at: number;
                                /** @description names of the tools that it planned */
                                calls?: null | string[];
                                error?: string;
                                finish?: string;
                                seconds: number;
                                /** @description how its answer began */
                                text?: string;
                                tokens: {
                                    completion: number;
                                    prompt: number;
                                    total: number;
                                };
                            }[];
                            seconds: number;
                            started: string;
                            /** @enum {string} */
                            state: "running" | "done" | "waiting" | "stopped" | "cancelled" | "failed";
                            tokens: {
                                completion: number;
                                prompt: number;
                                total: number;
                            };
                            /** @description in a list: how many tools it called, those that wait among them */
                            tool_calls?: number;
                            tools?: null | {
                                arguments?: unknown;
                                /** @description when it began, in seconds after the request */
                                at: number;
                                id: string;
                                name: string;
                                /** @description how its result began */
                                result?: string;
                                seconds: number;
                                /** @enum {string} */
                                status: "running" | "done" | "failed" | "waiting";
                            }[];
                            /** @description its name at the collector of section traces */
                            trace_id?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    approval_allow: {
        parameters: {
            query?: never;
            header?: {
                /** @description the token of the inventory, a semicolon, and the name of each category confirmed, with commas between */
                "Holdfast-Confirm"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the approval's id, from approval list */
                    id: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: string;
                        result?: unknown;
                        state: string;
                    };
                };
            };
            202: components["responses"]["Problem"];
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    approval_deny: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the approval's id, from approval list */
                    id: string;
                    /** @description told to whoever asked */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: string;
                        result?: unknown;
                        state: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    approval_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description actions that destroy, or tool calls of agents
                     * @default all
                     * @enum {string}
                     */
                    kind?: "action" | "tool" | "all";
                    /**
                     * @description which to list
                     * @default pending
                     * @enum {string}
                     */
                    state?: "pending" | "allowed" | "denied" | "expired" | "all";
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        approvals: null | {
                            /** @description what is asked for: an action, or a tool */
                            action: string;
                            answered?: string;
                            answerer?: string;
                            /** @description who asks */
                            caller: string;
                            created: string;
                            /** @description the input is not all: approval show has the whole */
                            cut?: boolean;
                            expires: string;
                            id: string;
                            input: unknown;
                            /**
                             * @description an action that destroys, or a tool call of an agent
                             * @enum {string}
                             */
                            kind: "action" | "tool";
                            /** @description what to know of its outcome */
                            note?: string;
                            /**
                             * @description what came of what was allowed; unknown where the house ended in the midst of it
                             * @enum {string}
                             */
                            outcome?: "running" | "done" | "failed" | "unknown";
                            reason?: string;
                            /** @enum {string} */
                            state: "pending" | "allowed" | "denied" | "expired";
                            /** @description what it acts on; for a tool, the agent that plans with it */
                            subject: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    approval_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the approval's id, from approval list */
                    id: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what is asked for: an action, or a tool */
                        action: string;
                        answered?: string;
                        answerer?: string;
                        /** @description who asks */
                        caller: string;
                        created: string;
                        /** @description the input is not all: approval show has the whole */
                        cut?: boolean;
                        expires: string;
                        id: string;
                        input: unknown;
                        /**
                         * @description an action that destroys, or a tool call of an agent
                         * @enum {string}
                         */
                        kind: "action" | "tool";
                        /** @description what to know of its outcome */
                        note?: string;
                        /**
                         * @description what came of what was allowed; unknown where the house ended in the midst of it
                         * @enum {string}
                         */
                        outcome?: "running" | "done" | "failed" | "unknown";
                        reason?: string;
                        /** @enum {string} */
                        state: "pending" | "allowed" | "denied" | "expired";
                        /** @description what it acts on; for a tool, the agent that plans with it */
                        subject: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_check: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        state: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_halt: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description why; it is shown with every refusal */
                    reason: string;
                    /** @description tenant:NAME or key:NAME; left out, the whole house */
                    scope?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        flag: {
                            boot?: null | {
                                id: string;
                                since: number;
                            };
                            burn?: number;
                            by: string;
                            cap?: number;
                            cause: string;
                            cooldown_until?: null | string;
                            reason: string;
                            scope?: string;
                            since: string;
                            window?: string;
                        };
                        state: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_history: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description how many events
                     * @default 50
                     */
                    limit?: number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        events: null | {
                            burn?: number;
                            by?: string;
                            cap?: number;
                            detail?: unknown;
                            /** @description halt, resume, auto-resume, forced-resume, warn, blind, bypass, thresholds or flag-rewritten */
                            event: string;
                            reason?: string;
                            scope?: string;
                            time: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_install_hooks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description its settings, when they are not at the usual place */
                    file?: string;
                    /**
                     * @description which agent
                     * @enum {string}
                     */
                    for: "claude" | "codex";
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        changed: boolean;
                        file: string;
                        for: string;
                        message: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_resume: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description resume although the burn is at a cap; judging then rests for one hour */
                    force?: boolean;
                    /** @description tenant:NAME or key:NAME; left out, the whole house */
                    scope?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        message: string;
                        state: string;
                        suspended_until?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_set_thresholds: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description seconds that nobody may judge before calls and dispatches are refused */
                    blind_seconds?: null | number;
                    /** @description hours before a HALT may end by itself */
                    cooldown_hours?: null | number;
                    /** @description a HALT also ends the streams under way; false lets them finish */
                    cut_streams?: null | boolean;
                    /** @description part of a cap at which it halts */
                    hard_cap_pct?: null | number;
                    /** @description most tokens in a sliding day */
                    hard_cap_per_day?: null | number;
                    /** @description most tokens in a sliding hour */
                    hard_cap_per_hour?: null | number;
                    /** @description tell and never halt */
                    notify_only?: null | boolean;
                    /** @description tenant:NAME or key:NAME, whose own caps are meant; left out, the house's */
                    scope?: string;
                    /** @description part of a cap from which it warns */
                    soft_cap_pct?: null | number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        new: {
                            blind_seconds: number;
                            cooldown_hours: number;
                            cut_streams: boolean;
                            hard_cap_pct: number;
                            hard_cap_per_day: number;
                            hard_cap_per_hour: number;
                            keys?: {
                                [key: string]: {
                                    hard_cap_per_day?: number;
                                    hard_cap_per_hour?: number;
                                };
                            };
                            notify_only: boolean;
                            soft_cap_pct: number;
                            tenants?: {
                                [key: string]: {
                                    hard_cap_per_day?: number;
                                    hard_cap_per_hour?: number;
                                };
                            };
                        };
                        old: {
                            blind_seconds: number;
                            cooldown_hours: number;
                            cut_streams: boolean;
                            hard_cap_pct: number;
                            hard_cap_per_day: number;
                            hard_cap_per_hour: number;
                            keys?: {
                                [key: string]: {
                                    hard_cap_per_day?: number;
                                    hard_cap_per_hour?: number;
                                };
                            };
                            notify_only: boolean;
                            soft_cap_pct: number;
                            tenants?: {
                                [key: string]: {
                                    hard_cap_per_day?: number;
                                    hard_cap_per_hour?: number;
                                };
                            };
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        burn_day: number;
                        burn_hour: number;
                        cap_day: number;
                        cap_hour: number;
                        cooldown_until?: string;
                        fault?: string;
                        /** @description who judged last, and when */
                        judges: null | {
                            /** @description when it judged last */
                            at: string;
                            /** @description house or watch */
                            by: string;
                            fault?: string;
                            level?: string;
                            /** @description it also reads what sessions record, while no house tells the burn */
                            telemetry?: boolean;
                        }[];
                        /** @description minutes until a cap at the present rate; 0 when it is not coming */
                        projected_minutes: number;
                        reason?: string;
                        /** @description what the calls under way may still burn; it is inside both burns */
                        reserved: number;
                        /** @description tenants and keys with caps of their own, or halted */
                        scopes?: null | {
                            burn_day: number;
                            burn_hour: number;
                            cap_day?: number;
                            cap_hour?: number;
                            cooldown_until?: string;
                            reason?: string;
                            scope: string;
                            /** @description armed, warn or halted */
                            state: string;
                            suspended_until?: string;
                        }[];
                        /** @description since when it is halted or warns */
                        since?: string;
                        state: string;
                        /** @description judging rests until then, after a forced resume */
                        suspended_until?: string;
                        thresholds: {
                            blind_seconds: number;
                            cooldown_hours: number;
                            cut_streams: boolean;
                            hard_cap_pct: number;
                            hard_cap_per_day: number;
                            hard_cap_per_hour: number;
                            keys?: {
                                [key: string]: {
                                    hard_cap_per_day?: number;
                                    hard_cap_per_hour?: number;
                                };
                            };
                            notify_only: boolean;
                            soft_cap_pct: number;
                            tenants?: {
                                [key: string]: {
                                    hard_cap_per_day?: number;
                                    hard_cap_per_hour?: number;
                                };
                            };
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_thresholds: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        blind_seconds: number;
                        cooldown_hours: number;
                        cut_streams: boolean;
                        hard_cap_pct: number;
                        hard_cap_per_day: number;
                        hard_cap_per_hour: number;
                        keys?: {
                            [key: string]: {
                                hard_cap_per_day?: number;
                                hard_cap_per_hour?: number;
                            };
                        };
                        notify_only: boolean;
                        soft_cap_pct: number;
                        tenants?: {
                            [key: string]: {
                                hard_cap_per_day?: number;
                                hard_cap_per_hour?: number;
                            };
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_tick: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        level: "calm" | "warn" | "halt";
                        reason: string;
                        state: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    breaker_uninstall_hooks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description its settings, when they are not at the usual place */
                    file?: string;
                    /**
                     * @description which agent
                     * @enum {string}
                     */
                    for: "claude" | "codex";
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        changed: boolean;
                        file: string;
                        for: string;
                        message: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    budget_approve: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the call, as budget parked lists it */
                    id: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        by: string;
                        call: {
                            agent?: string;
                            caller: string;
                            id: string;
                            model: string;
                            scope: string;
                            /** @description the deciding setting */
                            setting: string;
                            since: string;
                            /** @description what it may need */
                            tokens: number;
                            /** @description when it is refused by itself */
                            until: string;
                            /** @description what it may cost, where its price is known */
                            usd?: number;
                            why: string;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    budget_deny: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the call, as budget parked lists it */
                    id: string;
                    /** @description why; the caller reads it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        by: string;
                        call: {
                            agent?: string;
                            caller: string;
                            id: string;
                            model: string;
                            scope: string;
                            /** @description the deciding setting */
                            setting: string;
                            since: string;
                            /** @description what it may need */
                            tokens: number;
                            /** @description when it is refused by itself */
                            until: string;
                            /** @description what it may cost, where its price is known */
                            usd?: number;
                            why: string;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    budget_history: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description at most so many
                     * @default 100
                     */
                    limit?: number;
                    /** @description only of this scope */
                    scope?: string;
                    /**
                     * @description a span before now, or a time
                     * @default 30d
                     */
                    since?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        events: null | {
                            by?: string;
                            /** @description the request id of the call */
                            call?: string;
                            detail?: string;
                            /** @enum {string} */
                            event: "set" | "removed" | "reset" | "warned" | "refused" | "parked" | "approved" | "denied" | "expired" | "left";
                            limit?: string;
                            percent?: number;
                            period?: string;
                            quota?: number;
                            scope: string;
                            /** @description the deciding setting */
                            setting?: string;
                            /** @description when its period began */
                            since?: string;
                            spent?: number;
                            time: string;
                            /** @description of a reset: the tokens that it archived; of a call: those that it may need */
                            tokens?: number;
                            /** @description the same in money */
                            usd?: number;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    budget_parked: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        calls: null | {
                            agent?: string;
                            caller: string;
                            id: string;
                            model: string;
                            scope: string;
                            /** @description the deciding setting */
                            setting: string;
                            since: string;
                            /** @description what it may need */
                            tokens: number;
                            /** @description when it is refused by itself */
                            until: string;
                            /** @description what it may cost, where its price is known */
                            usd?: number;
                            why: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    budget_remove: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description only this limit; empty for all
                     * @enum {string}
                     */
                    limit?: "tokens_per_day" | "tokens_per_week" | "tokens_per_month" | "usd_per_day" | "usd_per_week" | "usd_per_month" | "";
                    /** @description house, tenant:NAME, agent:NAME or key:NAME */
                    scope: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        after: {
                            /**
                             * @description refuse a call that does not fit, or park it for approval
                             * @enum {string}
                             */
                            at_limit?: "refuse" | "park";
                            /** @description tokens from midnight to midnight in the operator's time zone */
                            tokens_per_day?: null | number;
                            /** @description tokens in a calendar month */
                            tokens_per_month?: null | number;
                            /** @description tokens from Monday to Sunday */
                            tokens_per_week?: null | number;
                            /** @description US dollars from midnight to midnight */
                            usd_per_day?: null | number;
                            /** @description US dollars in a calendar month */
                            usd_per_month?: null | number;
                            /** @description US dollars from Monday to Sunday */
                            usd_per_week?: null | number;
                        };
                        /** @description what bound it, holdfast.yaml included */
                        before: {
                            /**
                             * @description refuse a call that does not fit, or park it for approval
                             * @enum {string}
                             */
                            at_limit?: "refuse" | "park";
                            /** @description tokens from midnight to midnight in the operator's time zone */
                            tokens_per_day?: null | number;
                            /** @description tokens in a calendar month */
                            tokens_per_month?: null | number;
                            /** @description tokens from Monday to Sunday */
                            tokens_per_week?: null | number;
                            /** @description US dollars from midnight to midnight */
                            usd_per_day?: null | number;
                            /** @description US dollars in a calendar month */
                            usd_per_month?: null | number;
                            /** @description US dollars from Monday to Sunday */
                            usd_per_week?: null | number;
                        };
                        scope: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    budget_report: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description only this scope: house, tenant:NAME, agent:NAME or key:NAME */
                    scope?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        budgets: null | {
                            /** @description what the ledger's rows of this period say */
                            activity: number;
                            /** @description what resets took out of it */
                            archived: number;
                            /** @enum {string} */
                            at_limit: "refuse" | "park";
                            /** @description what counts against the quota: activity without archived */
                            counted: number;
                            /** @description what a call may still need; below 0 when calls spent more than they reserved */
                            left: number;
                            limit: string;
                            percent: number;
                            quota: number;
                            /** @description the sums in memory agree with the ledger's rows to the token */
                            reconciled: boolean;
                            /** @description by calls under way */
                            reserved: number;
                            scope: string;
                            setting: string;
                            since: string;
                            /** @description calls in it whose price is not known */
                            unpriced?: number;
                            until: string;
                        }[];
                        now: string;
                        /** @description calls that wait for approval */
                        parked: number;
                        /** @description every line is */
                        reconciled: boolean;
                        /** @description the time zone by which periods begin */
                        zone: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    budget_reset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description only the budgets of this period; empty for all
                     * @enum {string}
                     */
                    period?: "day" | "week" | "month" | "";
                    /** @description house, tenant:NAME, agent:NAME or key:NAME */
                    scope: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        after: null | {
                            /** @description what the ledger's rows of this period say */
                            activity: number;
                            /** @description what resets took out of it */
                            archived: number;
                            /** @enum {string} */
                            at_limit: "refuse" | "park";
                            /** @description what counts against the quota: activity without archived */
                            counted: number;
                            /** @description what a call may still need; below 0 when calls spent more than they reserved */
                            left: number;
                            limit: string;
                            percent: number;
                            quota: number;
                            /** @description the sums in memory agree with the ledger's rows to the token */
                            reconciled: boolean;
                            /** @description by calls under way */
                            reserved: number;
                            scope: string;
                            setting: string;
                            since: string;
                            /** @description calls in it whose price is not known */
                            unpriced?: number;
                            until: string;
                        }[];
                        before: null | {
                            /** @description what the ledger's rows of this period say */
                            activity: number;
                            /** @description what resets took out of it */
                            archived: number;
                            /** @enum {string} */
                            at_limit: "refuse" | "park";
                            /** @description what counts against the quota: activity without archived */
                            counted: number;
                            /** @description what a call may still need; below 0 when calls spent more than they reserved */
                            left: number;
                            limit: string;
                            percent: number;
                            quota: number;
                            /** @description the sums in memory agree with the ledger's rows to the token */
                            reconciled: boolean;
                            /** @description by calls under way */
                            reserved: number;
                            scope: string;
                            setting: string;
                            since: string;
                            /** @description calls in it whose price is not known */
                            unpriced?: number;
                            until: string;
                        }[];
                        scope: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    budget_set: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description refuse a call that does not fit, or park it for approval
                     * @enum {string}
                     */
                    at_limit?: "refuse" | "park";
                    /** @description house, tenant:NAME, agent:NAME or key:NAME */
                    scope: string;
                    /** @description tokens from midnight to midnight in the operator's time zone */
                    tokens_per_day?: null | number;
                    /** @description tokens in a calendar month */
                    tokens_per_month?: null | number;
                    /** @description tokens from Monday to Sunday */
                    tokens_per_week?: null | number;
                    /** @description US dollars from midnight to midnight */
                    usd_per_day?: null | number;
                    /** @description US dollars in a calendar month */
                    usd_per_month?: null | number;
                    /** @description US dollars from Monday to Sunday */
                    usd_per_week?: null | number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        after: {
                            /**
                             * @description refuse a call that does not fit, or park it for approval
                             * @enum {string}
                             */
                            at_limit?: "refuse" | "park";
                            /** @description tokens from midnight to midnight in the operator's time zone */
                            tokens_per_day?: null | number;
                            /** @description tokens in a calendar month */
                            tokens_per_month?: null | number;
                            /** @description tokens from Monday to Sunday */
                            tokens_per_week?: null | number;
                            /** @description US dollars from midnight to midnight */
                            usd_per_day?: null | number;
                            /** @description US dollars in a calendar month */
                            usd_per_month?: null | number;
                            /** @description US dollars from Monday to Sunday */
                            usd_per_week?: null | number;
                        };
                        /** @description what bound it, holdfast.yaml included */
                        before: {
                            /**
                             * @description refuse a call that does not fit, or park it for approval
                             * @enum {string}
                             */
                            at_limit?: "refuse" | "park";
                            /** @description tokens from midnight to midnight in the operator's time zone */
                            tokens_per_day?: null | number;
                            /** @description tokens in a calendar month */
                            tokens_per_month?: null | number;
                            /** @description tokens from Monday to Sunday */
                            tokens_per_week?: null | number;
                            /** @description US dollars from midnight to midnight */
                            usd_per_day?: null | number;
                            /** @description US dollars in a calendar month */
                            usd_per_month?: null | number;
                            /** @description US dollars from Monday to Sunday */
                            usd_per_week?: null | number;
                        };
                        scope: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    cache_clear: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        forgotten: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    client_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        clients: null | {
                            created: string;
                            /** @description how many grants it has */
                            grants: number;
                            id: string;
                            /**
                             * @description registered by itself, or known by its metadata document
                             * @enum {string}
                             */
                            kind: "registered" | "document";
                            /** @description what the client calls itself */
                            name: string;
                            /** @description where codes may be sent */
                            redirects: null | string[];
                            /** @description whether it proves itself by a secret */
                            secret: boolean;
                            uri?: string;
                            /** @description when somebody last gave it access */
                            used?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    client_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the client, or the unique beginning of its id */
                    id: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the grants that ended */
                        revoked: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    config_check: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        sections: null | string[];
                        /** @description ok, for a bad configuration is an error */
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    config_master: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    config_master_set: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description master_config.json, whole or part; null takes a member away */
                    document: unknown;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        changed: null | string[];
                        message: string;
                        /** @description sections of the configuration that differ by it */
                        reload: null | {
                            applied: boolean;
                            error?: string;
                            section: string;
                        }[];
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    config_reload: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description sections that differ; one that is not applied counts from the next start */
                        changes: null | {
                            applied: boolean;
                            error?: string;
                            section: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    config_schema: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    config_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description defaults as well, not only what somebody set */
                    effective?: boolean;
                    /** @description only what lies under this path, as in edge or units.companion */
                    path?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        values: null | {
                            file?: string;
                            line?: number;
                            origin: string;
                            path: string;
                            value: unknown;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    cooldown_clear: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description a model, a provider with a slash behind it, or an alias; all when left out */
                    name?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cleared: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    cooldown_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cooling: null | {
                            /** @description in a row */
                            failures: number;
                            model: string;
                            reason: string;
                            rehearsed?: boolean;
                            /** @description its first failure in a row */
                            since: string;
                            /**
                             * @description cooling: nobody asks it; probing: one call finds out whether it is well
                             * @enum {string}
                             */
                            state: "cooling" | "probing";
                            /** @description its provider said until when */
                            told: boolean;
                            until: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    edge_config: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description number of the table that the edge serves by */
                        applied: number;
                        /** @description the configuration of Caddy */
                        caddy: unknown;
                        /** @description whether the edge's process follows the house */
                        connected: boolean;
                        /** @description origin of what others wrote */
                        extensions: string;
                        /** @description origin of the Hub and the APIs */
                        hub: string;
                        /** @description paths that were left out, and other troubles */
                        left_out?: null | string[];
                        mode: string;
                        /** @description number of the route table */
                        revision: number;
                        /** @description the route table */
                        table: {
                            extensions: {
                                cookie: string;
                                hosts?: null | string[];
                                url: string;
                            };
                            house: string;
                            hub: {
                                cookie: string;
                                hosts?: null | string[];
                                url: string;
                            };
                            mounts: null | {
                                own_origin: boolean;
                                path: string;
                                port: number;
                                strip_prefix: boolean;
                                trailing_slash: boolean;
                                unit: string;
                            }[];
                            open: null | string[];
                            revision: number;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_accept: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the extension's folder */
                    name: string;
                    /** @description what it may have of that which it asks for */
                    wishes?: null | string[];
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what its files ask for beyond what it was granted; extension.accept gives it */
                        asks?: null | string[];
                        enabled: boolean;
                        missing_keys: number;
                        name: string;
                        reason?: string;
                        services: number;
                        source?: string;
                        /** @enum {string} */
                        state: "ready" | "disabled" | "blocked" | "broken" | "missing";
                        title: string;
                        /** @description path of its page at the front door */
                        ui?: string;
                        version?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_delete: {
        parameters: {
            query?: never;
            header?: {
                /** @description the token of the inventory, a semicolon, and the name of each category confirmed, with commas between */
                "Holdfast-Confirm"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the extension's folder */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        operation: string;
                        /** @description bring it back with holdfast trash restore */
                        trash: string;
                    };
                };
            };
            202: components["responses"]["Problem"];
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_disable: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the extension's folder */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what its files ask for beyond what it was granted; extension.accept gives it */
                        asks?: null | string[];
                        enabled: boolean;
                        missing_keys: number;
                        name: string;
                        reason?: string;
                        services: number;
                        source?: string;
                        /** @enum {string} */
                        state: "ready" | "disabled" | "blocked" | "broken" | "missing";
                        title: string;
                        /** @description path of its page at the front door */
                        ui?: string;
                        version?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_enable: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the extension's folder */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what its files ask for beyond what it was granted; extension.accept gives it */
                        asks?: null | string[];
                        enabled: boolean;
                        missing_keys: number;
                        name: string;
                        reason?: string;
                        services: number;
                        source?: string;
                        /** @enum {string} */
                        state: "ready" | "disabled" | "blocked" | "broken" | "missing";
                        title: string;
                        /** @description path of its page at the front door */
                        ui?: string;
                        version?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_install: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the extension's folder */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        folder: string;
                        name: string;
                        packages: null | {
                            hash?: string;
                            name: string;
                            version: string;
                        }[];
                        /** @description version of the interpreter */
                        python: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        extensions: null | {
                            /** @description what its files ask for beyond what it was granted; extension.accept gives it */
                            asks?: null | string[];
                            enabled: boolean;
                            missing_keys: number;
                            name: string;
                            reason?: string;
                            services: number;
                            source?: string;
                            /** @enum {string} */
                            state: "ready" | "disabled" | "blocked" | "broken" | "missing";
                            title: string;
                            /** @description path of its page at the front door */
                            ui?: string;
                            version?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the extension's folder */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what its files ask for beyond what it was granted; extension.accept gives it */
                        asks?: null | string[];
                        data: string;
                        enabled: boolean;
                        folder?: string;
                        manifest: {
                            auto_update: boolean;
                            description?: string;
                            enabled: boolean;
                            enforce_trailing_slash: boolean;
                            mcp?: null | {
                                args?: null | string[];
                                command: string;
                                env?: null | string[];
                            };
                            name: string;
                            required_secrets?: null | string[];
                            sandbox?: null | {
                                folder?: string;
                                network?: string;
                            };
                            source?: string;
                            strip_prefix: boolean;
                            version: string;
                        };
                        mcp_command?: null | string[];
                        missing_keys: number;
                        modules: null | string[];
                        mounts: null | {
                            own_origin: boolean;
                            path: string;
                            port: number;
                            strip_prefix: boolean;
                            trailing_slash: boolean;
                            unit: string;
                        }[];
                        name: string;
                        /**
                         * @description how these stand: installed by the house, installed before requirements.txt changed, or not installed by it; extension.install installs them
                         * @enum {string}
                         */
                        packages?: "installed" | "changed" | "missing";
                        ports: {
                            [key: string]: number;
                        };
                        problems: null | {
                            column?: number;
                            excerpt?: string;
                            field?: string;
                            file?: string;
                            line?: number;
                            message: string;
                            remedy?: string;
                        }[];
                        reason?: string;
                        required_secrets: null | {
                            key: string;
                            set: boolean;
                        }[];
                        /** @description it asks for Python packages */
                        requirements: boolean;
                        /** @description what it may reach beside the system's folders; without it the extension is free */
                        sandbox?: null | {
                            /** @enum {string} */
                            network: "on" | "off";
                            read: null | string[];
                            write: null | string[];
                        };
                        services: number;
                        source?: string;
                        /** @enum {string} */
                        state: "ready" | "disabled" | "blocked" | "broken" | "missing";
                        title: string;
                        tools: null | {
                            enabled_in_mcp: boolean;
                            name: string;
                            passthrough: boolean;
                        }[];
                        /** @description path of its page at the front door */
                        ui?: string;
                        units: null | {
                            detail?: string;
                            log?: string;
                            pid?: number;
                            port?: number;
                            restart: string;
                            state: string;
                            unit: string;
                        }[];
                        version?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    extension_sync: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        added: null | string[];
                        missing: null | string[];
                        problems: null | {
                            column?: number;
                            excerpt?: string;
                            field?: string;
                            file?: string;
                            line?: number;
                            message: string;
                            remedy?: string;
                        }[];
                        returned: null | string[];
                        written: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    gateway_end_rehearsal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description an alias or a model; all rehearsals when left out */
                    name?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        rehearsals: null | {
                            alias?: string;
                            by: string;
                            /** @description calls that met the fault */
                            calls: number;
                            fault: string;
                            models: null | string[];
                            since: string;
                            until: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    gateway_rehearse: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the alias whose models fail; chat when neither alias nor model is given */
                    alias?: string;
                    /**
                     * @description what the models are to do
                     * @enum {string}
                     */
                    fault: "429" | "500" | "timeout" | "slow" | "cut" | "empty";
                    /**
                     * @description how long, from 1s to 1h
                     * @default 2m
                     */
                    for?: string;
                    /** @description one model that fails, as provider/model */
                    model?: string;
                    /** @description what a 429 says; nothing when left out */
                    retry_after?: string;
                    /**
                     * @description how many of the alias's models fail, from the first
                     * @default 1
                     */
                    steps?: number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        rehearsals: null | {
                            alias?: string;
                            by: string;
                            /** @description calls that met the fault */
                            calls: number;
                            fault: string;
                            models: null | string[];
                            since: string;
                            until: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    grant_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description also those that ended in the last 30 days */
                    ended?: boolean;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description why no access is given just now */
                        closed?: string;
                        grants: null | {
                            client: string;
                            created: string;
                            ended?: string;
                            /** @description when it ends unless the client uses it */
                            expires: string;
                            id: string;
                            /** @description what the client calls itself */
                            name: string;
                            /** @description why it ended */
                            reason?: string;
                            /** @description where the code was sent */
                            redirect: string;
                            /** @description the MCP endpoint */
                            resource: string;
                            scopes: string;
                            /**
                             * @description the standing of the client's calls
                             * @enum {string}
                             */
                            tier: "public" | "tenant-peer" | "tenant-owner" | "operator" | "internal" | "owner";
                            used?: string;
                            /** @description who gave access */
                            user: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    grant_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description end the access of every client */
                    all?: boolean;
                    /** @description the grant, or the unique beginning of its id */
                    id?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the grants that ended */
                        revoked: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_guards: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        guards: null | {
                            guard: string;
                            /** @description the actions; all stands for every one */
                            judges: null | string[];
                            summary: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_handover: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        services?: {
                            [key: string]: string;
                        };
                        /** @enum {string} */
                        status: "healthy" | "degraded";
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_replace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the version that comes */
                    to: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        args: null | string[];
                        /** @description the service manager that restarts the house */
                        keeper?: string;
                        /** @description of the house; 0 when none runs */
                        pid: number;
                        /** @description what is exchanged */
                        program: string;
                        /** @description those that are up */
                        units: null | {
                            name: string;
                            pid: number;
                        }[];
                        version: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_replaced: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description why it could not go back */
                    failure?: string;
                    from: string;
                    /** @enum {string} */
                    outcome: "done" | "back" | "failed";
                    /** @description what a person does about it */
                    remedy?: string;
                    /** @description which programs stand there now */
                    stands?: string;
                    to: string;
                    /** @description why it went back */
                    why?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_report: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        reports: null | {
                            interpretation?: null | string[];
                            observed: null | {
                                source: string;
                                statement: string;
                                time: string;
                                value?: string;
                            }[];
                            operator_notes?: null | string[];
                            subject: string;
                        }[];
                        /** @description who could not report, and why */
                        silent?: null | {
                            reason: string;
                            subject: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_routes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        routes: null | {
                            auth: string;
                            /** @description also on the bearer-key listener */
                            loopback: boolean;
                            pattern: string;
                            /** @enum {string} */
                            plane: "data" | "control";
                            to: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_shutdown: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description end all at once with a grace of 2 s, in no order and without waiting for operations */
                    quick?: boolean;
                    /** @description end workers too, instead of leaving them to finish; the next up adopts those */
                    workers?: boolean;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description units of a house that had died, ended now */
                        ended?: null | string[];
                        /** @description workers that run on; the next up adopts them */
                        left?: null | string[];
                        message: string;
                        /** @enum {string} */
                        status: "stopping" | "stopped";
                        /** @description why it could not be recorded that the house stays down */
                        unrecorded?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        alerts: null | {
                            message: string;
                            name: string;
                            severity: string;
                            since: string;
                            subject: string;
                        }[];
                        /** @description bearer-key routes for programs on this machine */
                        api: string;
                        breaker: {
                            burn_day: number;
                            burn_hour: number;
                            cap_day: number;
                            cap_hour: number;
                            cooldown_until?: string;
                            reason?: string;
                            state: string;
                        };
                        checks: null | {
                            check: string;
                            detail: string;
                            status: string;
                            values?: {
                                [key: string]: number;
                            };
                        }[];
                        home: string;
                        house: string;
                        pid: number;
                        since: string;
                        units: null | {
                            detail?: string;
                            kind?: string;
                            lacks?: null | string[];
                            last_check?: string;
                            log?: string;
                            name: string;
                            needs?: null | string[];
                            owner: string;
                            pid?: number;
                            port?: number;
                            restarts: number;
                            since: string;
                            state: string;
                            worker?: boolean;
                        }[];
                        /** @description the front door */
                        url: string;
                        version: string;
                        watch: {
                            /** @description the last time */
                            last?: null | {
                                at: string;
                                pid?: number;
                                why: string;
                            };
                            pid?: number;
                            /** @description how often it started the house again */
                            restarts: number;
                            since?: string;
                            /** @description what it does; off when there is none, or who watches instead */
                            state: string;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    house_tiers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        callers: null | {
                            kind: string;
                            tier: string;
                            who: string;
                        }[];
                        tiers: null | {
                            /** @description those that need exactly this tier */
                            actions: null | string[];
                            tier: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    journal_archive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the files that were made, oldest first */
                        archived: null | {
                            /** @description when it was archived */
                            at: string;
                            bytes: number;
                            /** @description its path in the home */
                            file: string;
                            /** @description sequence of its first entry */
                            first: number;
                            /** @description the least of its month's times */
                            from: string;
                            /** @description of its last entry */
                            hash: string;
                            last: number;
                            month: string;
                            node: string;
                            /** @description of the file */
                            sha256: string;
                            /** @description the greatest */
                            until: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    journal_export: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description one node's entries only */
                    node?: string;
                    /** @description the new file, by its absolute path */
                    path: string;
                    /** @description how far back (2h, 7d), or a time; everything when empty */
                    since?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description files that hold older entries of what was asked for */
                        archived?: null | {
                            /** @description when it was archived */
                            at: string;
                            bytes: number;
                            /** @description its path in the home */
                            file: string;
                            /** @description sequence of its first entry */
                            first: number;
                            /** @description the least of its month's times */
                            from: string;
                            /** @description of its last entry */
                            hash: string;
                            last: number;
                            month: string;
                            node: string;
                            /** @description of the file */
                            sha256: string;
                            /** @description the greatest */
                            until: string;
                        }[];
                        bytes: number;
                        entries: number;
                        path: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    journal_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description noun.verb, or a noun for all of its verbs */
                    action?: string;
                    /** @description kind:name, or a kind for all of its names */
                    caller?: string;
                    /**
                     * @description at most so many, the newest
                     * @default 50
                     */
                    limit?: number;
                    /** @description one node's entries only */
                    node?: string;
                    /**
                     * @description how it stands
                     * @enum {string}
                     */
                    outcome?: "started" | "done" | "failed" | "refused" | "noted";
                    /** @description how far back (90s, 2h, 7d), or a time (2026-01-31T12:00:00Z) */
                    since?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description files that may hold older entries of what was asked for */
                        archived?: null | {
                            /** @description when it was archived */
                            at: string;
                            bytes: number;
                            /** @description its path in the home */
                            file: string;
                            /** @description sequence of its first entry */
                            first: number;
                            /** @description the least of its month's times */
                            from: string;
                            /** @description of its last entry */
                            hash: string;
                            last: number;
                            month: string;
                            node: string;
                            /** @description of the file */
                            sha256: string;
                            /** @description the greatest */
                            until: string;
                        }[];
                        /** @description oldest first */
                        entries: null | {
                            action: string;
                            caller: string;
                            detail?: unknown;
                            duration_ns?: number;
                            hash: string;
                            node: string;
                            outcome: string;
                            sequence: number;
                            subject?: string;
                            /** @enum {string} */
                            tier: "public" | "tenant-peer" | "tenant-owner" | "operator" | "internal" | "owner";
                            time: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    journal_show_follow: {
        parameters: {
            query?: {
                /** @description noun.verb, or a noun for all of its verbs */
                action?: string;
                /** @description kind:name, or a kind for all of its names */
                caller?: string;
                /** @description at most so many, the newest */
                limit?: number;
                /** @description one node's entries only */
                node?: string;
                /** @description how it stands */
                outcome?: "started" | "done" | "failed" | "refused" | "noted";
                /** @description how far back (90s, 2h, 7d), or a time (2026-01-31T12:00:00Z) */
                since?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description server-sent events, each data a JSON value */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    journal_verify: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description entries in them */
                        archived: number;
                        /** @description archive files that hold */
                        archives: number;
                        /** @description the first entry that does not hold */
                        broken?: null | {
                            /** @description the archive, when the entry lies in one */
                            file?: string;
                            node?: string;
                            reason: string;
                            sequence: number;
                        };
                        /** @description nodes whose chain was walked */
                        chains: number;
                        /** @description archive files of other nodes, which lie with them */
                        elsewhere?: number;
                        /** @description entries in the table that hold */
                        entries: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    key_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description a span such as 30d, a time, or never
                     * @default never
                     */
                    expires?: string;
                    /** @description the aliases, agents and provider/models that it may call, with commas between them or several times, a star at the end for all that begin so; all when left out */
                    models?: null | string[];
                    /** @description the key's name: letters, digits, - _ and . */
                    name: string;
                    /** @description whose it is: client:NAME, agent:NAME, extension:NAME or tenant:NAME; a client of the key's name when left out */
                    owner?: string;
                    /** @description the most requests in any minute; 0 for no limit */
                    rpm?: number;
                    /** @description the tenant for which its owner acts */
                    tenant?: string;
                    /** @description the most tokens in any minute, those a call may need included; 0 for no limit */
                    tpm?: number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        hint: string;
                        /** @description the bearer key; it is not kept and cannot be shown again */
                        key: string;
                        name: string;
                        /** @description until when the key before is valid too */
                        old_until?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    key_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        keys: null | {
                            created?: string;
                            created_by?: string;
                            expires?: string;
                            /** @description how the key begins */
                            hint: string;
                            /** @description what it may call; all when there are none */
                            models?: null | string[];
                            name: string;
                            /** @description until when the key before the last rotation is valid too */
                            old_until?: string;
                            /** @description whose it is, by kind and name */
                            owner?: string;
                            /** @description the most requests in any minute */
                            rpm?: number;
                            /** @enum {string} */
                            source: "store" | ".env";
                            /** @enum {string} */
                            state: "valid" | "expired";
                            tenant?: string;
                            /** @description the most tokens in any minute */
                            tpm?: number;
                            /** @description when it was last used, written down once a minute */
                            used?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    key_revoke: {
        parameters: {
            query?: never;
            header?: {
                /** @description the token of the inventory, a semicolon, and the name of each category confirmed, with commas between */
                "Holdfast-Confirm"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the key's name: letters, digits, - _ and . */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        /** @description the entry of the trash; trash restore brings the key back */
                        trash: string;
                    };
                };
            };
            202: components["responses"]["Problem"];
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    key_rotate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the key's name: letters, digits, - _ and . */
                    name: string;
                    /**
                     * @description how long the old key stays valid; 0 ends it at once
                     * @default 1h
                     */
                    overlap?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        hint: string;
                        /** @description the bearer key; it is not kept and cannot be shown again */
                        key: string;
                        name: string;
                        /** @description until when the key before is valid too */
                        old_until?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    key_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the key's name: letters, digits, - _ and . */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        created?: string;
                        created_by?: string;
                        expires?: string;
                        /** @description how the key begins */
                        hint: string;
                        /** @description what it may call; all when there are none */
                        models?: null | string[];
                        name: string;
                        /** @description until when the key before the last rotation is valid too */
                        old_until?: string;
                        /** @description whose it is, by kind and name */
                        owner?: string;
                        /** @description the most requests in any minute */
                        rpm?: number;
                        /** @enum {string} */
                        source: "store" | ".env";
                        /** @enum {string} */
                        state: "valid" | "expired";
                        tenant?: string;
                        /** @description the most tokens in any minute */
                        tpm?: number;
                        /** @description when it was last used, written down once a minute */
                        used?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    key_update: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description a span such as 30d, a time, or never */
                    expires?: null | string;
                    /** @description what it may call: aliases, agents and provider/models, a star at the end for all that begin so; * for all */
                    models?: null | string[];
                    /** @description the key's name */
                    name: string;
                    /** @description whose it is: client:NAME, agent:NAME, extension:NAME or tenant:NAME */
                    owner?: null | string;
                    /** @description the most requests in any minute; 0 for no limit */
                    rpm?: null | number;
                    /** @description the tenant for which its owner acts */
                    tenant?: null | string;
                    /** @description the most tokens in any minute; 0 for no limit */
                    tpm?: null | number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        after: {
                            created?: string;
                            created_by?: string;
                            expires?: string;
                            /** @description how the key begins */
                            hint: string;
                            /** @description what it may call; all when there are none */
                            models?: null | string[];
                            name: string;
                            /** @description until when the key before the last rotation is valid too */
                            old_until?: string;
                            /** @description whose it is, by kind and name */
                            owner?: string;
                            /** @description the most requests in any minute */
                            rpm?: number;
                            /** @enum {string} */
                            source: "store" | ".env";
                            /** @enum {string} */
                            state: "valid" | "expired";
                            tenant?: string;
                            /** @description the most tokens in any minute */
                            tpm?: number;
                            /** @description when it was last used, written down once a minute */
                            used?: string;
                        };
                        before: {
                            created?: string;
                            created_by?: string;
                            expires?: string;
                            /** @description how the key begins */
                            hint: string;
                            /** @description what it may call; all when there are none */
                            models?: null | string[];
                            name: string;
                            /** @description until when the key before the last rotation is valid too */
                            old_until?: string;
                            /** @description whose it is, by kind and name */
                            owner?: string;
                            /** @description the most requests in any minute */
                            rpm?: number;
                            /** @enum {string} */
                            source: "store" | ".env";
                            /** @enum {string} */
                            state: "valid" | "expired";
                            tenant?: string;
                            /** @description the most tokens in any minute */
                            tpm?: number;
                            /** @description when it was last used, written down once a minute */
                            used?: string;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the name, as in OPENAI_API_KEY */
                    key: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the keys whose value is another now */
                        changed: null | string[];
                        message: string;
                        /** @description units that see the change after a restart */
                        restart: null | string[];
                        /** @description success, when the change is on disk */
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_required: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        required_secrets: null | {
                            key: string;
                            set: boolean;
                            source: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_restore: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the name, as in OPENAI_API_KEY */
                    key: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the keys whose value is another now */
                        changed: null | string[];
                        message: string;
                        /** @description units that see the change after a restart */
                        restart: null | string[];
                        /** @description success, when the change is on disk */
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_set: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the name, as in OPENAI_API_KEY */
                    key: string;
                    /**
                     * Format: password
                     * @description the value
                     */
                    value: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the keys whose value is another now */
                        changed: null | string[];
                        message: string;
                        /** @description units that see the change after a restart */
                        restart: null | string[];
                        /** @description success, when the change is on disk */
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    keys_upload: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * Format: password
                     * @description a .env file, whose keys are merged into the home's
                     */
                    file: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the keys whose value is another now */
                        changed: null | string[];
                        message: string;
                        /** @description units that see the change after a restart */
                        restart: null | string[];
                        /** @description success, when the change is on disk */
                        status: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    link_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description local path to open after the login
                     * @default /
                     */
                    redirect_uri?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        expires: string;
                        /** @description open it in the browser that shall be logged in */
                        url: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    log_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description only lines that match this regular expression */
                    grep?: string;
                    /**
                     * @description how many lines, the last ones
                     * @default 100
                     */
                    lines?: number;
                    /** @description only lines from this time on: a span (15m, 2d) or a time (2026-01-31T12:00:00Z) */
                    since?: string;
                    /**
                     * @description only lines of this stream
                     * @enum {string}
                     */
                    stream?: "stdout" | "stderr";
                    /** @description one more unit; the older form of units */
                    unit?: string;
                    /** @description names of units, all of them when none is given; house, watch and logkeeper are the house's own logs */
                    units?: null | string[];
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description whether older lines were left out because the answer would have become too large */
                        cut: boolean;
                        /** @description the same lines, taken apart */
                        entries: null | {
                            /** @description when it was written */
                            at?: string;
                            /** @description stdout or stderr; left out where the log does not tell */
                            stream?: string;
                            /** @description the line, without its end */
                            text: string;
                            /** @description unit that wrote it */
                            unit: string;
                        }[];
                        /** @description their log files, relative to the home */
                        files: null | string[];
                        /** @description lines, oldest first; with the unit before each when there are several */
                        lines: null | string[];
                        /** @description whose lines they are */
                        units: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    log_show_follow: {
        parameters: {
            query?: {
                /** @description only lines that match this regular expression */
                grep?: string;
                /** @description how many lines, the last ones */
                lines?: number;
                /** @description only lines from this time on: a span (15m, 2d) or a time (2026-01-31T12:00:00Z) */
                since?: string;
                /** @description only lines of this stream */
                stream?: "stdout" | "stderr";
                /** @description one more unit; the older form of units */
                unit?: string;
                /** @description names of units, all of them when none is given; house, watch and logkeeper are the house's own logs */
                units?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description server-sent events, each data a JSON value */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    "mcp-hub_add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description whether the hub answers */
                    enabled?: null | boolean;
                    /** @description name of the hub, which stands in its URL */
                    name: string;
                    /** @description the tools of the hub, no others; a star for all */
                    only?: null | string[];
                    /** @description false shows the one server of the hub by its own names, unchanged */
                    prefix?: null | boolean;
                    /** @description switches by tool, as in master_config.json */
                    tool_config?: null | {
                        [key: string]: {
                            enabled_in_mcp?: null | boolean;
                            passthrough?: null | boolean;
                        };
                    };
                    /** @description the servers of the hub: extensions, remote servers, or house; a star for all */
                    upstreams?: null | string[];
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        enabled: boolean;
                        /** @description where the key stands */
                        key_in?: string;
                        key_set: boolean;
                        name: string;
                        /** @description names of the tools that a client of the hub sees */
                        offers: null | string[];
                        /** @description false shows the one server of the hub by its own names, unchanged */
                        prefix: boolean;
                        /** @description why the hub does not answer */
                        problem?: string;
                        tool_config: {
                            tools?: {
                                [key: string]: {
                                    enabled_in_mcp?: null | boolean;
                                    passthrough?: null | boolean;
                                };
                            };
                        };
                        upstreams?: null | string[];
                        /** @description path of the hub on the house's address */
                        url: string;
                        /** @description names of its switches and servers that none has now; they count once one has */
                        warnings?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "mcp-hub_delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the hub, which stands in its URL */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what stood in master_config.json; mcp-hub add makes it again */
                        entry: unknown;
                        name: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "mcp-hub_key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the hub, which stands in its URL */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description where it stands */
                        in: string;
                        /** @description the hub's key; it is shown once */
                        key: string;
                        name: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "mcp-hub_list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        hubs: null | {
                            enabled: boolean;
                            /** @description where the key stands */
                            key_in?: string;
                            key_set: boolean;
                            name: string;
                            /** @description names of the tools that a client of the hub sees */
                            offers: null | string[];
                            /** @description false shows the one server of the hub by its own names, unchanged */
                            prefix: boolean;
                            /** @description why the hub does not answer */
                            problem?: string;
                            tool_config: {
                                tools?: {
                                    [key: string]: {
                                        enabled_in_mcp?: null | boolean;
                                        passthrough?: null | boolean;
                                    };
                                };
                            };
                            upstreams?: null | string[];
                            /** @description path of the hub on the house's address */
                            url: string;
                            /** @description names of its switches and servers that none has now; they count once one has */
                            warnings?: null | string[];
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "mcp-hub_show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the hub, which stands in its URL */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        enabled: boolean;
                        /** @description where the key stands */
                        key_in?: string;
                        key_set: boolean;
                        name: string;
                        /** @description names of the tools that a client of the hub sees */
                        offers: null | string[];
                        /** @description false shows the one server of the hub by its own names, unchanged */
                        prefix: boolean;
                        /** @description why the hub does not answer */
                        problem?: string;
                        tool_config: {
                            tools?: {
                                [key: string]: {
                                    enabled_in_mcp?: null | boolean;
                                    passthrough?: null | boolean;
                                };
                            };
                        };
                        upstreams?: null | string[];
                        /** @description path of the hub on the house's address */
                        url: string;
                        /** @description names of its switches and servers that none has now; they count once one has */
                        warnings?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "mcp-hub_update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description whether the hub answers */
                    enabled?: null | boolean;
                    /** @description name of the hub, which stands in its URL */
                    name: string;
                    /** @description the tools of the hub, no others; a star for all */
                    only?: null | string[];
                    /** @description false shows the one server of the hub by its own names, unchanged */
                    prefix?: null | boolean;
                    /** @description switches by tool, as in master_config.json */
                    tool_config?: null | {
                        [key: string]: {
                            enabled_in_mcp?: null | boolean;
                            passthrough?: null | boolean;
                        };
                    };
                    /** @description the servers of the hub: extensions, remote servers, or house; a star for all */
                    upstreams?: null | string[];
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        enabled: boolean;
                        /** @description where the key stands */
                        key_in?: string;
                        key_set: boolean;
                        name: string;
                        /** @description names of the tools that a client of the hub sees */
                        offers: null | string[];
                        /** @description false shows the one server of the hub by its own names, unchanged */
                        prefix: boolean;
                        /** @description why the hub does not answer */
                        problem?: string;
                        tool_config: {
                            tools?: {
                                [key: string]: {
                                    enabled_in_mcp?: null | boolean;
                                    passthrough?: null | boolean;
                                };
                            };
                        };
                        upstreams?: null | string[];
                        /** @description path of the hub on the house's address */
                        url: string;
                        /** @description names of its switches and servers that none has now; they count once one has */
                        warnings?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    model_ask: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the longest answer; 0 leaves it to the house */
                    max_tokens?: number;
                    /**
                     * @description an alias, or a model as provider/model
                     * @default chat
                     */
                    model?: string;
                    /** @description what to ask */
                    prompt: string;
                    /** @description what the model is told before */
                    system?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description it was let past a HALT */
                        bypassed?: boolean;
                        /** @description in US dollars; ? when the price is not known */
                        cost: string;
                        /** @description the provider did not tell the usage */
                        estimated?: boolean;
                        /** @description how many models before it did not answer */
                        fallback: number;
                        /** @description why it ended, such as stop or length */
                        finish?: string;
                        /** @description which model answered */
                        model: string;
                        provider: string;
                        request_id: string;
                        text: string;
                        usage: {
                            cache_write_1h: number;
                            cache_write_5m: number;
                            cached_read: number;
                            input: number;
                            output: number;
                            reasoning: number;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    model_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        agents: null | string[];
                        aliases: null | {
                            /** @description who answered last */
                            actual: string;
                            alias: string;
                            configured: null | string[];
                            /** @description who is left out now, and until when */
                            cooling: null | {
                                model: string;
                                reason: string;
                                until: string;
                            }[];
                            /** @description who is asked first now; empty while HALT stands or all rest */
                            effective: string;
                        }[];
                        /** @description known provider/model names; others of a provider work too */
                        models: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    model_policy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        aliases: null | {
                            /** @description who answered last */
                            actual: string;
                            alias: string;
                            configured: null | string[];
                            /** @description who is left out now, and until when */
                            cooling: null | {
                                model: string;
                                reason: string;
                                until: string;
                            }[];
                            /** @description who is asked first now; empty while HALT stands or all rest */
                            effective: string;
                        }[];
                        /** @description models that failed lately */
                        cooling: null | {
                            /** @description in a row */
                            failures: number;
                            model: string;
                            reason: string;
                            rehearsed?: boolean;
                            /** @description its first failure in a row */
                            since: string;
                            /**
                             * @description cooling: nobody asks it; probing: one call finds out whether it is well
                             * @enum {string}
                             */
                            state: "cooling" | "probing";
                            /** @description its provider said until when */
                            told: boolean;
                            until: string;
                        }[];
                        /** @description the bundle that sets chat, fallback, compaction and fast; empty for none */
                        profile: string;
                        /** @description what this version would pin for the providers of this house; take a line over into models.profiles, or leave it */
                        proposed?: null | {
                            /** @description as it would stand in holdfast.yaml, below models.profiles */
                            line: string;
                            profile: string;
                        }[];
                        /** @description faults that are being rehearsed */
                        rehearsals?: null | {
                            alias?: string;
                            by: string;
                            /** @description calls that met the fault */
                            calls: number;
                            fault: string;
                            models: null | string[];
                            since: string;
                            until: string;
                        }[];
                        warnings: null | {
                            about: string;
                            message: string;
                            remedy?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    operation_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the operation's id */
                    id: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        caller: string;
                        ended?: string;
                        error?: string;
                        failed?: string;
                        id: string;
                        input?: unknown;
                        kind: string;
                        started: string;
                        state: string;
                        steps: null | {
                            begun?: string;
                            ended?: string;
                            error?: string;
                            message?: string;
                            name: string;
                            percent?: number;
                            state: string;
                        }[];
                        subject: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    operation_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description one kind only */
                    kind?: string;
                    /**
                     * @description at most so many, the newest
                     * @default 50
                     */
                    limit?: number;
                    /**
                     * @description one state only
                     * @enum {string}
                     */
                    state?: "running" | "undoing" | "done" | "failed" | "cancelled" | "interrupted" | "stuck";
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description newest first */
                        operations: null | {
                            caller: string;
                            ended?: string;
                            error?: string;
                            failed?: string;
                            id: string;
                            input?: unknown;
                            kind: string;
                            started: string;
                            state: string;
                            steps: null | {
                                begun?: string;
                                ended?: string;
                                error?: string;
                                message?: string;
                                name: string;
                                percent?: number;
                                state: string;
                            }[];
                            subject: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    operation_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the operation's id */
                    id: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        caller: string;
                        ended?: string;
                        error?: string;
                        failed?: string;
                        id: string;
                        input?: unknown;
                        kind: string;
                        started: string;
                        state: string;
                        steps: null | {
                            begun?: string;
                            ended?: string;
                            error?: string;
                            message?: string;
                            name: string;
                            percent?: number;
                            state: string;
                        }[];
                        subject: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    operation_show_follow: {
        parameters: {
            query: {
                /** @description the operation's id */
                id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description server-sent events, each data a JSON value */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    preset_add: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the model that it asks; empty as section agent says */
                    alias?: string;
                    /**
                     * @description what it is made of
                     * @default passthrough_agent
                     * @enum {string}
                     */
                    base_agent?: "passthrough_agent" | "simple_agent";
                    budget?: {
                        /** @description of work; waiting for approval is none */
                        seconds?: number;
                        /** @description model calls */
                        steps?: number;
                        /** @description of all model calls together */
                        tokens?: number;
                    };
                    /** @default true */
                    enabled?: boolean;
                    /** @description its name as a model */
                    name: string;
                    /** @description what the model is told before all else */
                    system_prompt?: string;
                    /** @description switches by tool: {"TOOL": {"enabled_in_mcp": true, "passthrough": false}}; "*" stands for all others, what is not said is inherited */
                    tool_config?: unknown;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the model that it asks; empty as section agent says */
                        alias?: string;
                        base_agent: string;
                        budget: {
                            /** @description of work; waiting for approval is none */
                            seconds?: number;
                            /** @description model calls */
                            steps?: number;
                            /** @description of all model calls together */
                            tokens?: number;
                        };
                        enabled: boolean;
                        name: string;
                        /** @description why it cannot be used */
                        problem?: string;
                        system_prompt?: string;
                        tool_config?: unknown;
                        /** @description how many tools a caller of the asker's tier has with it */
                        tool_count: number;
                        /** @description names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides */
                        warnings?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the preset */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description as it was, to make it again */
                        deleted: {
                            /** @description the model that it asks; empty as section agent says */
                            alias?: string;
                            base_agent: string;
                            budget: {
                                /** @description of work; waiting for approval is none */
                                seconds?: number;
                                /** @description model calls */
                                steps?: number;
                                /** @description of all model calls together */
                                tokens?: number;
                            };
                            enabled: boolean;
                            name: string;
                            /** @description why it cannot be used */
                            problem?: string;
                            system_prompt?: string;
                            tool_config?: unknown;
                            /** @description how many tools a caller of the asker's tier has with it */
                            tool_count: number;
                            /** @description names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides */
                            warnings?: null | string[];
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        presets: null | {
                            /** @description the model that it asks; empty as section agent says */
                            alias?: string;
                            base_agent: string;
                            budget: {
                                /** @description of work; waiting for approval is none */
                                seconds?: number;
                                /** @description model calls */
                                steps?: number;
                                /** @description of all model calls together */
                                tokens?: number;
                            };
                            enabled: boolean;
                            name: string;
                            /** @description why it cannot be used */
                            problem?: string;
                            system_prompt?: string;
                            tool_config?: unknown;
                            /** @description how many tools a caller of the asker's tier has with it */
                            tool_count: number;
                            /** @description names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides */
                            warnings?: null | string[];
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_tools: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the preset */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        base_agent: string;
                        name: string;
                        tool_config?: unknown;
                        tools: null | {
                            docstring: string;
                            enabled: boolean;
                            name: string;
                            /** @description runs without approval */
                            passthrough: boolean;
                            source: string;
                            /** @enum {string} */
                            tier: "public" | "tenant-peer" | "tenant-owner" | "operator" | "internal" | "owner";
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    preset_update: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    alias?: null | string;
                    /** @enum {null|string} */
                    base_agent?: "passthrough_agent" | "simple_agent" | null;
                    budget?: null | {
                        /** @description of work; waiting for approval is none */
                        seconds?: number;
                        /** @description model calls */
                        steps?: number;
                        /** @description of all model calls together */
                        tokens?: number;
                    };
                    enabled?: null | boolean;
                    /** @description the preset */
                    name: string;
                    system_prompt?: null | string;
                    /** @description all its switches anew */
                    tool_config?: unknown;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the model that it asks; empty as section agent says */
                        alias?: string;
                        base_agent: string;
                        budget: {
                            /** @description of work; waiting for approval is none */
                            seconds?: number;
                            /** @description model calls */
                            steps?: number;
                            /** @description of all model calls together */
                            tokens?: number;
                        };
                        enabled: boolean;
                        name: string;
                        /** @description why it cannot be used */
                        problem?: string;
                        system_prompt?: string;
                        tool_config?: unknown;
                        /** @description how many tools a caller of the asker's tier has with it */
                        tool_count: number;
                        /** @description names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides */
                        warnings?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    price_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description only models whose name contains this */
                    match?: string;
                    /** @description only this vendor */
                    vendor?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the day of the embedded table */
                        dated: string;
                        prices: null | {
                            /** @description counts for prompts longer than so many tokens */
                            above?: number;
                            cache_write_1h: null | number;
                            cache_write_5m: null | number;
                            cached_read: null | number;
                            /** @description null where it is not known */
                            input: null | number;
                            known: boolean;
                            model: string;
                            output: null | number;
                            reasoning: null | number;
                            source?: string;
                            vendor: string;
                        }[];
                        /** @description prices that are not known: such a call costs null, never 0, and a money budget refuses it */
                        unknown?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    price_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description provider/model */
                    model: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the name under which the price stands */
                        as?: string;
                        dated?: string;
                        known: boolean;
                        model: string;
                        prices: null | {
                            /** @description counts for prompts longer than so many tokens */
                            above?: number;
                            cache_write_1h: null | number;
                            cache_write_5m: null | number;
                            cached_read: null | number;
                            /** @description null where it is not known */
                            input: null | number;
                            known: boolean;
                            model: string;
                            output: null | number;
                            reasoning: null | number;
                            source?: string;
                            vendor: string;
                        }[];
                        source?: string;
                        /** @description by whose prices the provider charges */
                        vendor?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    prompt_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        prompts: null | {
                            arguments?: null | (null | {
                                description?: string;
                                name: string;
                                required?: boolean;
                                title?: string;
                            })[];
                            description?: string;
                            icons?: null | {
                                mimeType?: string;
                                sizes?: null | string[];
                                src: string;
                                theme?: string;
                            }[];
                            name: string;
                            note?: string;
                            own_name?: string;
                            source: string;
                            standing?: string;
                            title?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the id that its operator gave the house, where nobody can register by himself */
                    client_id?: string;
                    /** @description the name of the key of .env that holds that client's secret */
                    client_secret_key?: string;
                    /** @description sent with each request; a value of the form ${NAME} is a key of .env */
                    headers?: {
                        [key: string]: string;
                    };
                    /** @description the name of the key of .env that is sent as a bearer token */
                    key?: string;
                    /** @description its name in the house; made of the host when left out */
                    name?: string;
                    /** @description it wants a person's authorization, which remote-mcp authorize asks for */
                    oauth?: boolean;
                    /**
                     * @description auto is streamable HTTP, and the older HTTP+SSE where the server knows nothing newer
                     * @default auto
                     * @enum {string}
                     */
                    transport?: "auto" | "sse";
                    /** @description the server's endpoint */
                    url: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        authorized: boolean;
                        enabled: boolean;
                        error?: string;
                        headers?: null | string[];
                        key?: string;
                        note?: string;
                        oauth: boolean;
                        server_id: string;
                        state?: string;
                        tool_count: number;
                        transport: string;
                        url: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_authorize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the server's name */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the page to open in a browser that reaches the house */
                        authorization_url: string;
                        name: string;
                        note: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the server's name */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        authorized: boolean;
                        enabled: boolean;
                        error?: string;
                        headers?: null | string[];
                        key?: string;
                        note?: string;
                        oauth: boolean;
                        server_id: string;
                        state?: string;
                        tool_count: number;
                        transport: string;
                        url: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        servers: null | {
                            authorized: boolean;
                            enabled: boolean;
                            error?: string;
                            headers?: null | string[];
                            key?: string;
                            note?: string;
                            oauth: boolean;
                            server_id: string;
                            state?: string;
                            tool_count: number;
                            transport: string;
                            url: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    "remote-mcp_update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description another id that its operator gave the house, empty to register; an authorization ends with it */
                    client_id?: null | string;
                    /** @description the name of the key of .env that holds that client's secret; empty for none */
                    client_secret_key?: null | string;
                    /** @description whether its tools are offered */
                    enabled?: null | boolean;
                    /** @description other headers */
                    headers?: {
                        [key: string]: string;
                    };
                    /** @description the name of another key of .env; empty for none */
                    key?: null | string;
                    /** @description the server's name */
                    name: string;
                    /** @description whether it wants a person's authorization */
                    oauth?: null | boolean;
                    /** @description switches by the tools' own names: {"search": {"enabled": false}} */
                    tools?: {
                        [key: string]: {
                            enabled: null | boolean;
                        };
                    };
                    /**
                     * @description auto is streamable HTTP, and the older HTTP+SSE where the server knows nothing newer
                     * @enum {null|string}
                     */
                    transport?: "auto" | "sse" | null;
                    /** @description another endpoint; an authorization ends with it */
                    url?: null | string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        authorized: boolean;
                        enabled: boolean;
                        error?: string;
                        headers?: null | string[];
                        key?: string;
                        note?: string;
                        oauth: boolean;
                        server_id: string;
                        state?: string;
                        tool_count: number;
                        transport: string;
                        url: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    resource_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        resources: null | {
                            annotations?: null | {
                                audience?: null | string[];
                                lastModified?: string;
                                priority?: number;
                            };
                            description?: string;
                            icons?: null | {
                                mimeType?: string;
                                sizes?: null | string[];
                                src: string;
                                theme?: string;
                            }[];
                            mimeType?: string;
                            name: string;
                            note?: string;
                            size?: number;
                            source: string;
                            standing?: string;
                            title?: string;
                            uri: string;
                        }[];
                        templates: null | {
                            annotations?: null | {
                                audience?: null | string[];
                                lastModified?: string;
                                priority?: number;
                            };
                            description?: string;
                            icons?: null | {
                                mimeType?: string;
                                sizes?: null | string[];
                                src: string;
                                theme?: string;
                            }[];
                            mimeType?: string;
                            name: string;
                            note?: string;
                            source: string;
                            standing?: string;
                            title?: string;
                            uriTemplate: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    service_install: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description who the house runs as; the owner of the home when left out */
                    account?: string;
                    /**
                     * @description what the service is called
                     * @default holdfast
                     */
                    name?: string;
                    /** @description print the file and change nothing */
                    print?: boolean;
                    /**
                     * @description the system's manager of services; the one of this system when left out
                     * @enum {string}
                     */
                    service?: "systemd" | "launchd" | "rc.d";
                    /** @description a service of this person, without root, that starts at login */
                    user?: boolean;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description who the house runs as */
                        account?: string;
                        /** @description whether the system starts it at boot */
                        enabled?: boolean;
                        file?: string;
                        /** @description the file, when it is only printed */
                        lines?: null | string[];
                        /** @description what is left to do */
                        next?: null | string[];
                        /** @enum {string} */
                        status?: "installed" | "unchanged";
                        /** @description why it is not enabled */
                        why?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    service_uninstall: {
        parameters: {
            query?: never;
            header?: {
                /** @description the token of the inventory, a semicolon, and the name of each category confirmed, with commas between */
                "Holdfast-Confirm"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description what the service is called
                     * @default holdfast
                     */
                    name?: string;
                    /**
                     * @description the system's manager of services; the one of this system when left out
                     * @enum {string}
                     */
                    service?: "systemd" | "launchd" | "rc.d";
                    /** @description a service of this person */
                    user?: boolean;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        file: string;
                        /** @description what is left to do */
                        next?: null | string[];
                        /** @enum {string} */
                        status: "uninstalled" | "absent";
                    };
                };
            };
            202: components["responses"]["Problem"];
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    session_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        sessions: null | {
                            address?: string;
                            /** @description what the browser says it is */
                            browser?: string;
                            created: string;
                            /** @description when it ends however much it is used */
                            expires: string;
                            /** @description names the session; it is not the key to it */
                            id: string;
                            /** @description hub, or extension for the origin of extension pages */
                            kind: string;
                            last_seen: string;
                            /** @description the hub session that an extension session ends with */
                            parent?: string;
                            user: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    session_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description log every browser out */
                    all?: boolean;
                    /** @description the session, or the unique beginning of its id */
                    id?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the sessions that ended, those of the extensions' origin included */
                        revoked: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    skill_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        problems: null | {
                            column?: number;
                            excerpt?: string;
                            field?: string;
                            file?: string;
                            line?: number;
                            message: string;
                            remedy?: string;
                        }[];
                        skills: null | {
                            description: string;
                            files: number;
                            name: string;
                            source: string;
                            uri: string;
                            /** @description why it is not offered */
                            withheld?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    skill_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description a file of the skill's folder instead of its SKILL.md */
                    file?: string;
                    /** @description name of the skill, or extension/name where two share one */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        description: string;
                        file: string;
                        files: null | {
                            /** @description sha256: and the hash in hex */
                            digest: string;
                            path: string;
                            size: number;
                            uri: string;
                        }[];
                        name: string;
                        source: string;
                        text: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    telemetry_scan: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description read since the start */
                        bytes: number;
                        /** @description told to the ledger since the start, growth included */
                        calls: number;
                        /** @description logs that are followed */
                        files: number;
                        /** @description where logs are looked for */
                        folders: null | {
                            agent: string;
                            path: string;
                        }[];
                        /** @description when they were last looked at */
                        looked?: string;
                        /** @description what that means where they are not */
                        note?: string;
                        /** @description lines too long to be read */
                        passed?: number;
                        /** @description what cannot be read, and why: the first hundred */
                        problems?: null | string[];
                        /** @description times that one was read since the start */
                        read: number;
                        /**
                         * @description whether the logs of coding agents are read
                         * @enum {string}
                         */
                        state: "on" | "off";
                        /** @description how long that took */
                        took?: string;
                        /** @description files and folders that cannot be read */
                        unread?: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    telemetry_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description read since the start */
                        bytes: number;
                        /** @description told to the ledger since the start, growth included */
                        calls: number;
                        /** @description logs that are followed */
                        files: number;
                        /** @description where logs are looked for */
                        folders: null | {
                            agent: string;
                            path: string;
                        }[];
                        /** @description when they were last looked at */
                        looked?: string;
                        /** @description what that means where they are not */
                        note?: string;
                        /** @description lines too long to be read */
                        passed?: number;
                        /** @description what cannot be read, and why: the first hundred */
                        problems?: null | string[];
                        /** @description times that one was read since the start */
                        read: number;
                        /**
                         * @description whether the logs of coding agents are read
                         * @enum {string}
                         */
                        state: "on" | "off";
                        /** @description how long that took */
                        took?: string;
                        /** @description files and folders that cannot be read */
                        unread?: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    template_add: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the alias or provider/model that it asks for; its key opens no other */
                    model?: string;
                    /** @description of the agent: its unit, folder, key and budget */
                    name: string;
                    /** @description the Node.js that runs it, absolute, when it is not the one on the PATH of the house */
                    node?: string;
                    /** @description what it listens on, where it does */
                    port?: number;
                    /** @description where its program is, absolute, when it is not on the PATH of the house */
                    program?: string;
                    /** @description the template's name */
                    template: string;
                    /** @description its budget; 0 allows nothing */
                    tokens_per_day?: null | number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description unit, sandbox and budget; edit it, then config reload */
                        declaration: string;
                        /** @description what it may write; tasks go into inbox/ */
                        folder: string;
                        operation: string;
                        port?: number;
                        /** @description of its budget */
                        scope: string;
                        /** @description its keys in .env */
                        secrets: null | string[];
                        template: string;
                        unit: string;
                        /** @description what its program says */
                        version: string;
                        /** @description a model that the gateway does not know now */
                        warnings?: null | string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    template_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        templates: null | {
                            /** @description where the house finds it, or how to install it */
                            found: string;
                            name: string;
                            /** @description what must be installed */
                            program: string;
                            summary: string;
                            title: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    template_remove: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the agent's name */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description its declaration, which no longer counts */
                        declaration: string;
                        /** @description what it wrote, left as it is */
                        folder: string;
                        /** @description its keys, which open nothing any more */
                        secrets: null | string[];
                        unit: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    template_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the template's name */
                    template: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what is written, before it is filled in */
                        files: {
                            [key: string]: string;
                        };
                        /** @description where the house finds it, or how to install it */
                        found: string;
                        healthy: string;
                        /** @description the model that it asks for when none is named */
                        model: string;
                        name: string;
                        needs?: string;
                        /** @description why it cannot be used as it stands */
                        problem?: string;
                        /** @description what must be installed */
                        program: string;
                        ready: string;
                        /** @description what its key may do */
                        tier: string;
                        title: string;
                        /** @description its budget when none is named */
                        tokens_per_day: number;
                        /** @description what the program says */
                        version?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    token_blocks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description only this agent */
                    agent?: string;
                    /** @description only this virtual key */
                    key?: string;
                    /** @description only this model */
                    model?: string;
                    /** @description only this project */
                    project?: string;
                    /** @description only this provider */
                    provider?: string;
                    /** @description only this session */
                    session?: string;
                    /**
                     * @description from when: an age such as 7d or 12h, a date, or a time
                     * @default 3d
                     */
                    since?: string;
                    /** @description only what this source counted: gateway, claude, codex, gemini, opencode, import */
                    source?: string;
                    /** @description only this tenant */
                    tenant?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the oldest first */
                        blocks: null | {
                            active: boolean;
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            end: string;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            output: number;
                            /** @description the total at its end, at this rate */
                            projected: number;
                            reasoning: number;
                            start: string;
                            /** @description from the block's start until now, or its end */
                            tokens_per_minute: number;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        }[];
                        since: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    token_calls: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description only this agent */
                    agent?: string;
                    /** @description only this virtual key */
                    key?: string;
                    /**
                     * @description the most calls
                     * @default 20
                     */
                    limit?: number;
                    /** @description only this model */
                    model?: string;
                    /** @description only this project */
                    project?: string;
                    /** @description only this provider */
                    provider?: string;
                    /** @description only this session */
                    session?: string;
                    /**
                     * @description not older than: an age such as 7d or 12h, a date, or a time
                     * @default 7d
                     */
                    since?: string;
                    /** @description only what this source counted: gateway, claude, codex, gemini, opencode, import */
                    source?: string;
                    /**
                     * @description only calls that ended so
                     * @enum {string}
                     */
                    status?: "" | "ok" | "cut" | "cancelled" | "halted" | "failed" | "orphan" | "cached";
                    /** @description only this tenant */
                    tenant?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the latest first */
                        calls: null | {
                            agent: string;
                            alias: string;
                            cache_write_1h: number;
                            cache_write_5m: number;
                            cached_read: number;
                            caller: string;
                            cost: string;
                            /** @description null where the price is not known */
                            cost_nano: null | number;
                            dialect: string;
                            estimated: boolean;
                            fallback: number;
                            first_token_ms: number;
                            input: number;
                            key: string;
                            latency_ms: number;
                            /** @description provider/model */
                            model: string;
                            node: string;
                            output: number;
                            project: string;
                            reasoning: number;
                            request_id: string;
                            response_id: string;
                            session: string;
                            source: string;
                            status: string;
                            tenant: string;
                            time: string;
                            total: number;
                            unit: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    token_import: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the file; over HTTP and MCP its absolute path on the house's machine */
                    file: string;
                    /** @description where a field stands in a line: field=path.of.members, or field="a text for every line" */
                    map?: null | string[];
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description lines that are calls; what was known already is counted here and booked once */
                        calls: number;
                        file: string;
                        lines: number;
                        problems: null | string[];
                        /** @description lines that could not be used */
                        skipped: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    token_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description only this agent */
                    agent?: string;
                    /** @description only this virtual key */
                    key?: string;
                    /**
                     * @description the most sessions
                     * @default 50
                     */
                    limit?: number;
                    /** @description only this model */
                    model?: string;
                    /** @description only this project */
                    project?: string;
                    /** @description only this provider */
                    provider?: string;
                    /** @description only this session */
                    session?: string;
                    /**
                     * @description active since: an age such as 7d or 12h, a date, or a time
                     * @default 7d
                     */
                    since?: string;
                    /** @description only what this source counted: gateway, claude, codex, gemini, opencode, import */
                    source?: string;
                    /** @description only this tenant */
                    tenant?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        sessions: null | {
                            agent: string;
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            first: string;
                            input: number;
                            last: string;
                            output: number;
                            project: string;
                            reasoning: number;
                            session: string;
                            source: string;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        }[];
                        since: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    token_statusline: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the model's name as the agent shows it */
                    model?: string;
                    /** @description the agent's name of the conversation */
                    session?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description when Claude's block of five hours ends */
                        block_ends?: string;
                        halted?: boolean;
                        /** @description tokens that coding agents burned in the last hour */
                        hour: number;
                        model?: string;
                        /** @description tokens of this conversation */
                        session: number;
                        text: string;
                        /** @description tokens of all calls since midnight */
                        today: number;
                        /** @description when the house last looked */
                        updated?: string;
                        /** @description what today's calls cost; null while a price is unknown */
                        usd: null | number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    token_summary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description how many hours by_hour covers
                     * @default 24
                     */
                    hours?: number;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        burn: {
                            day: number;
                            hour: number;
                            recent: number;
                            reserved: number;
                        };
                        /** @description today, the largest first */
                        by_agent: null | {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            name: string;
                            output: number;
                            reasoning: number;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        }[];
                        /** @description oldest first; hours without a call are there too */
                        by_hour: null | {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            output: number;
                            reasoning: number;
                            time: string;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        }[];
                        /** @description today, the largest first */
                        by_model: null | {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            name: string;
                            output: number;
                            reasoning: number;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        }[];
                        /** @description today, who counted: the gateway, or whose log it was read from */
                        by_source: null | {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            name: string;
                            output: number;
                            reasoning: number;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        }[];
                        /** @description the sliding hour that the breaker judges */
                        last_hour: {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            output: number;
                            reasoning: number;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        };
                        now: string;
                        /** @description since the operator's midnight */
                        today: {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            output: number;
                            reasoning: number;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    token_usage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description only this agent */
                    agent?: string;
                    /**
                     * @description what to add up by
                     * @default day
                     * @enum {string}
                     */
                    by?: "agent" | "model" | "provider" | "day" | "hour" | "session" | "key" | "tenant" | "source" | "project";
                    /** @description only this virtual key */
                    key?: string;
                    /** @description only this model */
                    model?: string;
                    /** @description only this project */
                    project?: string;
                    /** @description only this provider */
                    provider?: string;
                    /** @description only this session */
                    session?: string;
                    /**
                     * @description from when: an age such as 7d or 12h, a date, or a time; it is taken down to a quarter of an hour
                     * @default 30d
                     */
                    since?: string;
                    /** @description only what this source counted: gateway, claude, codex, gemini, opencode, import */
                    source?: string;
                    /** @description only this tenant */
                    tenant?: string;
                    /** @description until when, likewise */
                    until?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        by: string;
                        rows: null | {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            name: string;
                            output: number;
                            reasoning: number;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        }[];
                        since: string;
                        sum: {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            /** @description in US dollars, of the calls whose price is known; ? when none is */
                            cost: string;
                            /** @description the same in billionths of a US dollar, exactly */
                            cost_nano: number;
                            /** @description calls of these whose numbers are estimates */
                            estimated: number;
                            input: number;
                            output: number;
                            reasoning: number;
                            total: number;
                            /** @description calls of these whose price is not known, which the cost leaves out */
                            unpriced: number;
                        };
                        until?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    tool_accept: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description that of tool show: when it changed since, nothing is accepted */
                    fingerprint?: string;
                    /**
                     * @description what it is
                     * @default tool
                     * @enum {string}
                     */
                    kind?: "tool" | "prompt" | "instructions";
                    /** @description name of the tool or prompt in the catalogue, or of the server whose instructions are meant */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        changes: null | {
                            after: string;
                            before: string;
                            field: string;
                        }[];
                        findings: null | {
                            kind: string;
                            quote: string;
                            where: string;
                        }[];
                        fingerprint: string;
                        kind: string;
                        name: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    tool_all: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        extensions: {
                            [key: string]: null | {
                                docstring: string;
                                enabled: boolean;
                                name: string;
                            }[];
                        };
                        remote_mcp_servers: {
                            [key: string]: {
                                enabled: boolean;
                                server_id: string;
                                tool_count: number;
                                tools: {
                                    [key: string]: {
                                        docstring: string;
                                        enabled: boolean;
                                        name: string;
                                    };
                                };
                                url: string;
                            };
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    tool_call: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description its arguments as a JSON object */
                    arguments?: {
                        [key: string]: unknown;
                    };
                    /** @description name of the tool in the catalogue */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cut?: boolean;
                        failed?: boolean;
                        pending?: string;
                        structured?: unknown;
                        text: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    tool_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the house's own tools too */
                    all?: boolean;
                    /** @description only the tools of this extension or remote server; house for the house's own */
                    extension?: string;
                    /** @description only those that are not offered until they are accepted */
                    withheld?: boolean;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        servers: null | {
                            error?: string;
                            extension: string;
                            failures: number;
                            log: string;
                            name: string;
                            pid?: number;
                            problems?: null | {
                                error: string;
                                part: string;
                                traceback?: string;
                            }[];
                            since: string;
                            starts: number;
                            state: string;
                            tools: number;
                        }[];
                        tools: null | {
                            calls: number;
                            destructive: boolean;
                            enabled_in_mcp: boolean;
                            error_rate: number;
                            errors: number;
                            extension?: string;
                            input_schema: unknown;
                            last_used?: string;
                            mean_took_ns: number;
                            name: string;
                            note?: string;
                            output_schema?: unknown;
                            own_name?: string;
                            passthrough: boolean;
                            read_only: boolean;
                            source: string;
                            standing?: string;
                            summary: string;
                            /** @enum {string} */
                            tier: "public" | "tenant-peer" | "tenant-owner" | "operator" | "internal" | "owner";
                            title?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    tool_restart: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the tool server, which is its extension's */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error?: string;
                        extension: string;
                        failures: number;
                        log: string;
                        name: string;
                        pid?: number;
                        problems?: null | {
                            error: string;
                            part: string;
                            traceback?: string;
                        }[];
                        since: string;
                        starts: number;
                        state: string;
                        tools: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    tool_set: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description whether MCP clients see it */
                    enabled_in_mcp?: null | boolean;
                    /** @description name of the tool in the catalogue */
                    name: string;
                    /** @description whether agents call it without asking */
                    passthrough?: null | boolean;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        calls: number;
                        destructive: boolean;
                        enabled_in_mcp: boolean;
                        error_rate: number;
                        errors: number;
                        extension?: string;
                        input_schema: unknown;
                        last_used?: string;
                        mean_took_ns: number;
                        name: string;
                        note?: string;
                        output_schema?: unknown;
                        own_name?: string;
                        passthrough: boolean;
                        read_only: boolean;
                        source: string;
                        standing?: string;
                        summary: string;
                        /** @enum {string} */
                        tier: "public" | "tenant-peer" | "tenant-owner" | "operator" | "internal" | "owner";
                        title?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    tool_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the tool in the catalogue */
                    name: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description who accepted it */
                        accepted_by?: string;
                        calls: number;
                        /** @description what is another than when it was pinned */
                        changes?: null | {
                            after: string;
                            before: string;
                            field: string;
                        }[];
                        destructive: boolean;
                        enabled_in_mcp: boolean;
                        error_rate: number;
                        errors: number;
                        extension?: string;
                        /** @description what in its words is meant to steer a model */
                        findings?: null | {
                            kind: string;
                            quote: string;
                            where: string;
                        }[];
                        /** @description of its words, schemas and hints as its server declares them now */
                        fingerprint?: string;
                        input_schema: unknown;
                        last_used?: string;
                        mean_took_ns: number;
                        name: string;
                        note?: string;
                        output_schema?: unknown;
                        own_name?: string;
                        passthrough: boolean;
                        /** @description when the tool was first seen as it is, or accepted */
                        pinned_at?: string;
                        read_only: boolean;
                        source: string;
                        standing?: string;
                        summary: string;
                        /** @enum {string} */
                        tier: "public" | "tenant-peer" | "tenant-owner" | "operator" | "internal" | "owner";
                        title?: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    trash_empty: {
        parameters: {
            query?: never;
            header?: {
                /** @description the token of the inventory, a semicolon, and the name of each category confirmed, with commas between */
                "Holdfast-Confirm"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description one entry only; everything when empty */
                    id?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        gone: null | string[];
                    };
                };
            };
            202: components["responses"]["Problem"];
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    trash_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description oldest first */
                        entries: null | {
                            /** @description the act that put it here */
                            action: string;
                            bytes: number;
                            caller: string;
                            /** @description emptied by itself after this time */
                            expires: string;
                            id: string;
                            /** @description where files were */
                            paths?: null | string[];
                            /** @description kept, or what a crash or a conflict left unsettled */
                            state: string;
                            subject: string;
                            tables?: null | {
                                rows: number;
                                table: string;
                            }[];
                            time: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    trash_restore: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description the entry, as trash list shows it */
                    id: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        restored: {
                            /** @description the act that put it here */
                            action: string;
                            bytes: number;
                            caller: string;
                            /** @description emptied by itself after this time */
                            expires: string;
                            id: string;
                            /** @description where files were */
                            paths?: null | string[];
                            /** @description kept, or what a crash or a conflict left unsettled */
                            state: string;
                            subject: string;
                            tables?: null | {
                                rows: number;
                                table: string;
                            }[];
                            time: string;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_drift: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        at: string;
                        managers: null | {
                            checked: boolean;
                            manager: string;
                            user?: boolean;
                            /** @description why it could not be asked */
                            why?: string;
                        }[];
                        services: null | {
                            /** @description who registered it: config, or install */
                            by?: string;
                            detail?: string;
                            file?: string;
                            label: string;
                            manager: string;
                            note?: string;
                            protected?: boolean;
                            /** @description of the file as it is */
                            sha256?: string;
                            /** @enum {string} */
                            state: "ok" | "missing" | "changed" | "unregistered" | "not-checked";
                            user?: boolean;
                        }[];
                        /** @enum {string} */
                        status: "ok" | "drift" | "not-checked" | "nothing";
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_history: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description how many changes, the last ones
                     * @default 100
                     */
                    limit?: number;
                    /** @description only changes from this time on: a span (15m, 2d) or a time (2026-01-31T12:00:00Z) */
                    since?: string;
                    /** @description name of the unit; one that is no more is known as well */
                    unit: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description changes of its state, oldest first */
                        changes: null | {
                            /** @description whether the house found it running */
                            adopted?: boolean;
                            /** @description when */
                            at: string;
                            /** @description why */
                            detail?: string;
                            /** @description how it stood before */
                            from: string;
                            /** @description name of the launch */
                            launch?: string;
                            /** @description its first process */
                            pid?: number;
                            /** @description how it stood after */
                            to: string;
                        }[];
                        /** @description name of the unit */
                        unit: string;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description only the units of this owner */
                    owner?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description units by name */
                        units: null | {
                            detail?: string;
                            kind?: string;
                            lacks?: null | string[];
                            last_check?: string;
                            log?: string;
                            name: string;
                            needs?: null | string[];
                            owner: string;
                            pid?: number;
                            port?: number;
                            restarts: number;
                            since: string;
                            state: string;
                            worker?: boolean;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_list_follow: {
        parameters: {
            query?: {
                /** @description only the units of this owner */
                owner?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description server-sent events, each data a JSON value */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    unit_reap: {
        parameters: {
            query?: never;
            header?: {
                /** @description the token of the inventory, a semicolon, and the name of each category confirmed, with commas between */
                "Holdfast-Confirm"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what was ended */
                        ended: null | {
                            /** @description launch that its mark names */
                            launch: string;
                            /** @description program */
                            name: string;
                            /** @description process id */
                            pid: number;
                            /** @description start time, in ticks since boot */
                            start: number;
                            /** @description unit that its mark names */
                            unit: string;
                        }[];
                    };
                };
            };
            202: components["responses"]["Problem"];
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_registry: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        at: string;
                        managers: null | {
                            checked: boolean;
                            manager: string;
                            user?: boolean;
                            /** @description why it could not be asked */
                            why?: string;
                        }[];
                        services: null | {
                            /** @description who registered it: config, or install */
                            by?: string;
                            detail?: string;
                            file?: string;
                            label: string;
                            manager: string;
                            note?: string;
                            protected?: boolean;
                            /** @description of the file as it is */
                            sha256?: string;
                            /** @enum {string} */
                            state: "ok" | "missing" | "changed" | "unregistered" | "not-checked";
                            user?: boolean;
                        }[];
                        /** @enum {string} */
                        status: "ok" | "drift" | "not-checked" | "nothing";
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_restart: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the unit */
                    unit: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        kind?: string;
                        lacks?: null | string[];
                        last_check?: string;
                        log?: string;
                        name: string;
                        needs?: null | string[];
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        since: string;
                        state: string;
                        worker?: boolean;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_services: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: {
                            last_check: null | string;
                            pid: null | number;
                            port: null | number;
                            status: string;
                        };
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the unit */
                    unit: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        /** @description working folder */
                        dir: string;
                        /** @description its last health check went well, or it is up and has none */
                        healthy: boolean;
                        /** @description stopped by the operator until unit.start */
                        held: boolean;
                        kind?: string;
                        lacks?: null | string[];
                        last_check?: string;
                        /** @description name of the present launch */
                        launch: string;
                        /** @description what bounds it, with all that it starts */
                        limits?: null | {
                            cpu?: number;
                            memory?: string;
                            nice?: number;
                            nofile?: number;
                            processes?: number;
                        };
                        log?: string;
                        name: string;
                        /** @description units that must be up first */
                        needs: null | string[];
                        owner: string;
                        pid?: number;
                        port?: number;
                        /** @description restart policy */
                        restart: string;
                        restarts: number;
                        /** @description argument vector */
                        run: null | string[];
                        /** @description what it may reach beside the system's folders; without it the unit is free */
                        sandbox?: null | {
                            /** @enum {string} */
                            network?: "on" | "off";
                            read?: null | string[];
                            write?: null | string[];
                        };
                        /** @description names of the keys that it receives */
                        secrets: null | string[];
                        since: string;
                        state: string;
                        /** @description account that it runs as; the house's own when left out */
                        user?: string;
                        worker?: boolean;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_start: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the unit */
                    unit: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        kind?: string;
                        lacks?: null | string[];
                        last_check?: string;
                        log?: string;
                        name: string;
                        needs?: null | string[];
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        since: string;
                        state: string;
                        worker?: boolean;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_stop: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description name of the unit */
                    unit: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        kind?: string;
                        lacks?: null | string[];
                        last_check?: string;
                        log?: string;
                        name: string;
                        needs?: null | string[];
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        since: string;
                        state: string;
                        worker?: boolean;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_strays: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description marked processes without a unit */
                        strays: null | {
                            /** @description launch that its mark names */
                            launch: string;
                            /** @description program */
                            name: string;
                            /** @description process id */
                            pid: number;
                            /** @description start time, in ticks since boot */
                            start: number;
                            /** @description unit that its mark names */
                            unit: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_usage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description with how it went over this span, such as 10m, at most 1h; a stream tells it once */
                    series?: string;
                    /** @description only this unit */
                    unit?: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description when it was measured */
                        at: string;
                        /** @description the house itself, without its units */
                        house: {
                            /** @description cores */
                            cpu: number;
                            /** @description bytes of resident memory */
                            memory: number;
                            /** @description how many processes it has */
                            processes: number;
                            /** @description how it went over the span that was asked for, one point in 15 s */
                            series?: null | {
                                /** @description when it was measured */
                                at: null | string[];
                                /** @description cores used on average since the measurement before */
                                cpu: null | number[];
                                /** @description bytes of resident memory */
                                memory: null | number[];
                            };
                        };
                        /** @description why the figures are missing, on a system that does not tell */
                        note?: string;
                        /** @description units by name */
                        units: null | {
                            /** @description cores */
                            cpu: number;
                            /** @description bytes of resident memory; what processes share counts for each */
                            memory: number;
                            /** @description name of the unit */
                            name: string;
                            /** @description its first process */
                            pid?: number;
                            /** @description how many processes it has */
                            processes: number;
                            /** @description restarts within the last hour */
                            restarts: number;
                            /** @description how it went over the span that was asked for, one point in 15 s */
                            series?: null | {
                                /** @description when it was measured */
                                at: null | string[];
                                /** @description cores used on average since the measurement before */
                                cpu: null | number[];
                                /** @description bytes of resident memory */
                                memory: null | number[];
                            };
                            /** @description since when it stands so */
                            since: string;
                            /** @description how it stands */
                            state: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            500: components["responses"]["Problem"];
        };
    };
    unit_usage_follow: {
        parameters: {
            query?: {
                /** @description with how it went over this span, such as 10m, at most 1h; a stream tells it once */
                series?: string;
                /** @description only this unit */
                unit?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description server-sent events, each data a JSON value */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
}
