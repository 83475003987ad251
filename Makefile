# Thin on purpose: one line a target, no logic. Every target also runs alone.
.PHONY: setup programs tools host site status demo destroy image test lint unit sanity integration molecule e2e second_leg chaos nightly bench docs
SCENARIO ?= --all

setup:
	@./setup
programs: setup
	@./setup test
tools: programs
	.venv/bin/ansible-playbook -i inventories/lab tests/tools/host.yml
host: setup
	.venv/bin/ansible-playbook -i inventories/lab playbooks/lab_host.yml
site: host
	.venv/bin/ansible-playbook -i inventories/lab playbooks/site.yml
status: setup
	.venv/bin/ansible-playbook -i inventories/lab playbooks/status.yml
demo: setup
	.venv/bin/ansible-playbook -i inventories/lab playbooks/demo_failover.yml -e demo_confirm=lab
destroy: setup
	.venv/bin/ansible-playbook -i inventories/lab playbooks/destroy.yml -e destroy_confirm=lab
image: setup
	.venv/bin/ansible-playbook -i inventories/lab playbooks/base_image_here.yml
docs:
	@tests/tools/docs
test:
	$(MAKE) --jobs=2 --output-sync lint unit sanity
	$(MAKE) --jobs=2 --output-sync=line integration molecule
	$(MAKE) --jobs=2 --output-sync=line e2e second_leg
lint: programs
	tests/tools/lint
unit: programs
	.venv/bin/python -m pytest --numprocesses=2 tests/unit
sanity: programs
	tests/tools/sanity
integration: host tools
	.venv/bin/python -m pytest --numprocesses=2 --durations=12 tests/integration
molecule: host tools
	tests/tools/molecule $(SCENARIO)
e2e: host tools
	.venv/bin/python -m pytest -rP tests/e2e
second_leg: host tools
	tests/tools/second_leg unit playbooks
chaos: host tools
	FAULT_ROUNDS=50 .venv/bin/python -m pytest --numprocesses=2 -k "is_killed or random_moment" tests/integration
	.venv/bin/python -m pytest -rP tests/chaos
	FAULT_ROUNDS=20 tests/tools/molecule base_lvm
nightly: host tools
	.venv/bin/python -m pytest -rP tests/nightly
	.venv/bin/python -m pytest -m nightly --numprocesses=2 tests/integration
	.venv/bin/python -m pytest -rP -m nightly tests/e2e
	tests/tools/second_leg sanity
	tests/tools/molecule base_image
	BASE_IMAGE_SUITE=bookworm BASE_IMAGE_FIRMWARE=efi tests/tools/molecule base_image
	BASE_IMAGE_SUITE=trixie tests/tools/molecule dnsmasq_gateway
	tests/tools/molecule virtualbox_host
bench: host tools
	.venv/bin/python tests/bench/bench_virtualbox.py
	HA_LB_TESTS=../../tests/bench/failover tests/tools/molecule ha_lb
	.venv/bin/python -m pytest -rP tests/bench/gateway
