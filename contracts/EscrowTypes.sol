// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What the escrow keeps, is shown and passes between its parts.

error Refused(string reason);

uint256 constant P256 = 1;
uint256 constant SECP256K1 = 3;

uint256 constant TREE_DEPTH = 20;

/// An Allocation as signed; texts hashed.
struct Terms {
    bytes32 fleet;
    bytes32 gateway;
    address payee;
    bytes32 assetCode;
    uint8 assetScale;
}

struct Opening {
    string fleet;
    string gateway;
    address payee;
    string assetCode;
    uint8 assetScale;
    /// Zero for the chain's own coin.
    address token;
    /// Who may collect the gateway's share.
    address feeRecipient;
    uint16 feeBasisPoints;
    uint8 signerAlgorithm;
    /// x || y
    bytes signerKey;
    uint32 noticeSeconds;
}

/// Slot 0 is all that evidence writes beside one slot a channel.
struct Allocation {
    /// Put in and not withdrawn.
    uint64 setAside;
    /// Paid by statements and by evidence, fee included.
    uint64 paid;
    /// Paid by evidence alone; a statement has to name it.
    uint64 evidencePaid;
    uint64 statementSequence;
    bytes32 statementRoot;
    address token;
    uint16 feeBasisPoints;
    uint8 signerAlgorithm;
    uint8 previousAlgorithm;
    /// A minor unit is 10^this of the token's smallest units.
    uint8 exponent;
    uint32 noticeSeconds;
    bytes32 signerKeyHash;
    address feeRecipient;
    uint64 feeTaken;
    uint64 withdrawing;
    uint64 withdrawableAt;
    /// The signer before the last rotation: its mandates pay until this time.
    uint64 previousUntil;
    bytes32 previousKeyHash;
}

/// A Statement as signed, without its allocation.
struct Statement {
    uint256 sequence;
    uint256 total;
    uint256 evidencePaid;
    uint256 positions;
    bytes32 root;
    uint256 issuedAt;
    uint256 expiry;
}

/// Evidence of one channel. Fields are whole words in the order in which EIP-712 hashes them.
/// What all claims share is left out, and the root too: it is where the word leads.
struct Claim {
    uint256 payerAlgorithm;
    bytes32 payerKeyHash;
    bytes32 meter;
    uint256 position;
    bytes32 salt;
    uint256 mandateSequence;
    uint256 limit;
    uint256 limitPerDay;
    uint256 notBefore;
    uint256 mandateExpiry;
    uint256 claimUntil;
    bytes32 mandateR;
    bytes32 mandateS;
    uint256 kind;
    uint256 epoch;
    uint256 base;
    uint256 length;
    uint256 unitsPerTick;
    uint256 pricePerTick;
    uint256 startReading;
    bytes32 tariffHash;
    uint256 issuedAt;
    uint256 expiry;
    bytes32 commitmentR;
    bytes32 commitmentS;
    uint256 index;
    bytes32 word;
    /// Bits 0-63: amount of the leaf in the last statement; 64-83: levels whose sibling is
    /// given, the others are empty; 84: the leaf is empty; 96-127: where in `more` this claim's
    /// words begin: x and y of a P-256 payer, then the siblings, lowest level first.
    uint256 leaf;
}

/// What the claims of one call share; kept in memory while they are judged.
struct Batch {
    bytes32 id;
    bytes32 separator;
    bytes32 statementRoot;
    bool hasStatement;
    bytes32 signerKeyHash;
    uint256 signerAlgorithm;
    bytes32[2] signerKey;
    /// What is left to pay from.
    uint256 available;
    uint256 paidNow;
    /// The words of a Channel; those that differ are written for each claim.
    bytes32[13] channel;
    bytes32[13] scratch;
    bytes32[20] emptyTrees;
}
