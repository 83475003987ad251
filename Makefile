# Thin on purpose: one line a target, no logic. Every target also runs alone.
.PHONY: setup tools host site destroy test lint unit sanity integration molecule e2e e2e-all chaos
# Scenarios and end-to-end tests that are not named here run by `make molecule SCENARIO=name` and `make e2e-all`:
# they are written, and come into `make test` when they have been seen green on a quiet machine.
SCENARIO ?= containerd dnsmasq_gateway dnsmasq_gateway_debian12
E2E ?= tests/e2e/test_0_broken_inventories.py tests/e2e/test_1_site.py -k "broken or verified_cluster or kubeconfig"

setup:
	@./setup
tools:
	@./setup test
host: setup
	.venv/bin/ansible-playbook -i inventories/lab playbooks/lab_host.yml
site: host
	.venv/bin/ansible-playbook -i inventories/lab playbooks/site.yml
destroy: setup
	.venv/bin/ansible-playbook -i inventories/lab playbooks/destroy.yml -e destroy_confirm=lab
test: lint unit sanity integration molecule e2e
lint: setup
	tests/tools/lint
unit: tools
	.venv/bin/python -m pytest tests/unit
sanity: setup
	tests/tools/sanity
integration: host
	.venv/bin/python -m pytest tests/integration
molecule: host tools
	tests/tools/molecule $(SCENARIO)
e2e: host
	.venv/bin/python -m pytest -rP $(E2E)
e2e-all: host
	.venv/bin/python -m pytest -rP tests/e2e
chaos: host
	.venv/bin/python -m pytest -rP tests/chaos
