# What the scripts share; sourced, never run.

module=ngx_http_llm_quota_module
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$root/build

# what the module is built with, as Debian's packages are
hardening='-fstack-protector-strong -Wformat -Werror=format-security'
hardening+=' -D_FORTIFY_SOURCE=2'

# nginx-dev's tree, which has headers and configure, but no source
packaged_headers=/usr/share/nginx/src


die()
{
    echo "${0##*/}: $*" >&2
    exit 1
}


# debian_lists DIR TYPE [SUITE]: package lists of our own under DIR, of TYPE
# deb or deb-src: those of the machine's suites, or of one that it does not
# follow.  Sets apt_private, the options that make apt use nothing else.  The
# mirror is the one that the machine's apt has, and Debian's keyring verifies
# what it sends, which on a frozen mirror may be past its date.

debian_lists()
{
    local dir=$1 type=$2 suite=${3:-}
    local signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    local fields='$(REPO_URI) $(RELEASE)'
    local -a which=('Created-By: Packages' 'Origin: Debian')

    mkdir -p "$dir/lists/partial"

    if [ -n "$suite" ]; then
        fields='$(REPO_URI) '$suite
        which+=('Label: Debian')
    fi

    apt-get indextargets --format "$fields" "${which[@]}" | sort -u \
        | sed "s|^|$type $signed |; s|\$| main|" > "$dir/sources.list"

    [ -s "$dir/sources.list" ] \
        || die "apt names no Debian mirror: run apt-get update"

    apt_private=("${apt_options[@]}"
                 -o "Dir::Etc::sourcelist=$dir/sources.list"
                 -o "Dir::Etc::sourceparts=-"
                 -o "Dir::State::lists=$dir/lists"
                 -o "Dir::Cache::pkgcache="
                 -o "Dir::Cache::srcpkgcache="
                 -o "Acquire::Check-Valid-Until=false"
                 -o "Acquire::Languages=none")

    apt-get "${apt_private[@]}" update
}

apt_options=(-qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120)
